//! Dynamic client registration (RFC 7591) and its management (RFC 7592), governed: who may register, and what a client may have that
//! did, is the tenant's to say (DR-06).
//!
//! `token_endpoint_auth_method`: a client that names a secret's method gets a secret; any other, and one that says nothing, is a public
//! client, and the answer says so. A secret that anybody may fetch proves no more than that the same program came back.
//!
//! 1. The source has not asked too often.
//! 2. What is presented leads to the rule that lets it in ([`admission`]).
//! 3. The metadata is read; what is dangerous or contradicts itself is refused, what we do not know is left out ([`client_metadata`]).
//! 4. Where the company's provider must know our clients, what the client comes in by is consumed first, and then the provider is told
//!    ([`enrolment`]).
//! 5. The client, its event, its feed entry and what it consumes are one Unit. The answer echoes what was registered.

mod admission;
mod client_metadata;
mod echo;
mod enrolment;
mod manage;
mod platform;
mod redirect_uris;
mod statement;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chancery_audit::{Change, Counter, Draft, Topic};
use chancery_core::oauth::Code;
use chancery_core::{ClientId, Event, Field, Kind, Secret, Source};
use chancery_crypto::digest::{secret_text, sha256};
use chancery_registry::{Client, ClientAuthentication, Origin, Registered, ScopeLimit, Standing, Tenant};
use chancery_store::repo::clients;

use self::admission::{Admission, Presented};
use self::client_metadata::{Asked, ClientMetadata};
use self::echo::{Issued, echo};
use crate::answer::Answer;
use crate::body::whole;
use crate::front::{From, source_of};
use crate::moment::Moment;
use crate::refusal::Refused;
use crate::server::Server;
use crate::unanswered::{ATTEMPTS, Unanswered};

pub(crate) use manage::{change, delete, read};

const ENDPOINT: &str = "register";

pub(crate) async fn register(
    State(server): State<Arc<Server>>,
    Path(tenant): Path<String>,
    source: From,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    answered(&server, &tenant, (source_of(source), &headers), body).await.unwrap_or_else(Answer::unanswered)
}

async fn answered(
    server: &Arc<Server>,
    tenant: &str,
    (source, headers): (Source, &HeaderMap),
    body: Result<Bytes, BytesRejection>,
) -> Result<Answer, Unanswered> {
    let (tenant, _) = server.tenant(tenant, ENDPOINT)?;
    // MD-05: where it is not offered, nothing lies here.
    if !tenant.registration.is_offered() {
        server.counters.count(Some(tenant.id), Counter { endpoint: ENDPOINT, reason: "closed", row: "MD-05" });
        return Err(Unanswered::NotHere);
    }
    let presented = Presented::read(headers);
    let has_credential = presented.is_something();
    let answer = match registered(server, &tenant, (source, &presented), body).await? {
        Ok(answer) => answer,
        Err(refused) => {
            // Who guesses is counted like who registers.
            let refused = if has_credential && !refused.is_event() {
                server.limits.register(&tenant, source).err().unwrap_or(refused)
            } else {
                refused
            };
            server.refused(&tenant, ENDPOINT, refused).await?
        }
    };
    Ok(answer.challenging_bearer(&tenant, has_credential))
}

async fn registered(
    server: &Arc<Server>,
    tenant: &Arc<Tenant>,
    (source, presented): (Source, &Presented),
    body: Result<Bytes, BytesRejection>,
) -> Result<Result<Answer, Refused>, Unanswered> {
    if !presented.is_something()
        && let Err(refused) = server.limits.register(tenant, source)
    {
        return Ok(Err(refused)); // DR-05
    }
    let body = match whole(body) {
        Ok(body) => body,
        Err(unread) => return Ok(Err(Refused::invalid_metadata(unread.words()))),
    };
    let mut overtaken = 0;
    for _ in 0..ATTEMPTS {
        match once(server, tenant, (source, presented), &body).await {
            Err(Unanswered::Overtaken(write)) => overtaken = write, // somebody used the last use of the token
            outcome => return outcome,
        }
    }
    Err(Unanswered::Overtaken(overtaken))
}

async fn once(
    server: &Arc<Server>,
    tenant: &Arc<Tenant>,
    (source, presented): (Source, &Presented),
    body: &[u8],
) -> Result<Result<Answer, Refused>, Unanswered> {
    let mut asked = match Asked::read(body) {
        Ok(asked) => asked,
        Err(refused) => return Ok(Err(refused)),
    };
    let mut admission = match Admission::find(server, tenant, presented, &mut asked).await? {
        Ok(admission) => admission,
        Err(refused) => return Ok(Err(refused)),
    };
    let most = tenant.registration.quotas.never_used;
    if admission.is_counted
        && let Err(refused) = there_is_room(clients::never_used(&server.store, &tenant.id, most).await?, most)
    {
        return Ok(Err(refused));
    }
    if admission.standing == Standing::Pending
        && let Err(refused) = server.limits.wait(tenant, source)
    {
        return Ok(Err(refused)); // DR-05
    }
    let metadata = match asked.judged(&admission) {
        Ok(metadata) => metadata,
        Err(refused) => return Ok(Err(refused)),
    };
    let Decided { registered, issued, draft } = decide(metadata, &admission, tenant, &mut server.moment());
    let client = &registered.client;
    let consumes = admission.consumes.take();
    let written = if enrolment::is_wanted(tenant, client) {
        // Whoever has a credential has us ask the provider no oftener than strangers do.
        if presented.is_something()
            && let Err(refused) = server.limits.register(tenant, source)
        {
            return Ok(Err(refused)); // DR-05
        }
        enrolment::enrolled_and_written(server, tenant, (client.clone(), consumes), draft).await
    } else {
        let draft = consumes.into_iter().fold(draft, |draft, used| draft.writing(used.take));
        server.journal.commit(&tenant.id, draft).await.map(Ok).map_err(Unanswered::from)
    };
    match written {
        Ok(Ok(receipt)) => Ok(Ok(Answer::registered(&echo(client, &issued, tenant), receipt))),
        Ok(Err(answer)) => Ok(Ok(answer)),
        Err(Unanswered::Overtaken(_)) if admission.agent.is_some() => Ok(Err(used_before())),
        Err(error) => Err(error),
    }
}

/// A platform's token registers one client.
fn used_before() -> Refused {
    Refused::new(Code::InvalidToken, "this platform's token has registered a client before; ask the platform for a new one").by_row("DR-05")
}

/// Strangers fill no disk: those that came to nothing go after an hour, and until then there are only so many of them.
fn there_is_room(never_used: u64, most: u32) -> Result<(), Refused> {
    if never_used < u64::from(most) {
        return Ok(());
    }
    let description = "too many clients have registered here and were never used; try again later, or have this one registered by hand";
    Err(Refused::new(Code::TemporarilyUnavailable, description).by_row("DR-05"))
}

/// A registration that is about to be written, and the secrets that only its answer says.
struct Decided {
    registered: Registered,
    issued: Issued,
    draft: Draft,
}

fn decide(asked: ClientMetadata, admission: &Admission, tenant: &Tenant, moment: &mut Moment) -> Decided {
    let access = secret_text(moment.entropy.take());
    let secret = asked.confidential.then(|| secret_text(moment.entropy.take()));
    let client = Client {
        id: ClientId::mint(moment.now, &mut moment.entropy),
        name: asked.name,
        origin: Origin::Dynamic,
        redirect_uris: asked.redirect_uris,
        authentication: authentication(secret.as_ref()),
        grant_types: asked.grants, // DR-06
        agent: admission.agent,
        scopes: admission.scopes.clone().map_or(ScopeLimit::Unlimited, ScopeLimit::Only),
        standing: admission.standing,
        about: asked.about,
        created_at: moment.now,
        keep_until: Some(moment.now + admission.stays),
    };
    let event = Event::new(Kind::ClientRegistered, tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Client, &client.id)
        .with(Field::ClientName, &client.name)
        .with_some(Field::Agent, client.agent)
        .with_some(Field::Reason, admission.by.as_ref());
    let change = Change { topic: Topic::Client, key: client.id.to_string() };
    let registered = Registered { client, access: Some(sha256(access.expose().as_bytes())) };
    let draft = Draft::default().writing(registered.insert(&tenant.id)).recording(event).telling(change);
    Decided { registered, issued: Issued { access, secret }, draft }
}

/// Only the digest is kept (JW-08).
fn authentication(secret: Option<&Secret<String>>) -> ClientAuthentication {
    secret.map_or(ClientAuthentication::None, |secret| ClientAuthentication::Secret { digest: sha256(secret.expose().as_bytes()) })
}

#[cfg(test)]
mod tests;

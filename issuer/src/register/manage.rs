//! Management of a registration by the client itself (RFC 7592), with the token that its registration gave it.
//!
//! 1. The token is the one of the client that the address names, or the answer is 401, whichever of the two is wrong (DR-07).
//! 2. From one source there are only so many changes, as there are registrations (DR-05).
//! 3. GET says what is registered. PUT replaces it whole, within the admission that the client came in by, and rotates the token (DR-08).
//! 4. DELETE ends the client and all that it was allowed, everywhere (DR-09).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chancery_audit::{Change, Draft, Topic};
use chancery_core::oauth::Code;
use chancery_core::{ClientId, Event, Field, Kind, Secret, Source};
use chancery_crypto::digest::{same, secret_text, sha256};
use chancery_registry::{About, AdmittedBy, Client, ClientAuthentication, Dynamic, Registered, ScopeLimit, Standing, Tenant};
use chancery_store::repo::clients;
use chancery_tokens::end_of_gone_client;

use super::admission::{Admission, Presented};
use super::client_metadata::{Asked, ClientMetadata};
use super::echo::{Issued, echo};
use super::{ENDPOINT, authentication};
use crate::answer::Answer;
use crate::body::{Unread, whole};
use crate::front::{From, source_of};
use crate::moment::Moment;
use crate::refusal::{ByRow, Refused};
use crate::server::Server;
use crate::unanswered::Unanswered;

/// A client that showed the token of its registration.
struct Managed {
    registered: Registered,
    token: String,
}

pub(crate) async fn read(State(server): State<Arc<Server>>, Path(at): Path<(String, String)>, source: From, headers: HeaderMap) -> Answer {
    manage(&server, &at, (source_of(source), &headers), Wanted::Read).await.unwrap_or_else(Answer::unanswered)
}

pub(crate) async fn change(
    State(server): State<Arc<Server>>,
    Path(at): Path<(String, String)>,
    source: From,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    manage(&server, &at, (source_of(source), &headers), Wanted::Change(whole(body))).await.unwrap_or_else(Answer::unanswered)
}

pub(crate) async fn delete(
    State(server): State<Arc<Server>>,
    Path(at): Path<(String, String)>,
    source: From,
    headers: HeaderMap,
) -> Answer {
    manage(&server, &at, (source_of(source), &headers), Wanted::Delete).await.unwrap_or_else(Answer::unanswered)
}

enum Wanted {
    Read,
    /// To this, if it came whole.
    Change(Result<Bytes, Unread>),
    Delete,
}

async fn manage(
    server: &Server,
    (tenant, id): &(String, String),
    (source, headers): (Source, &HeaderMap),
    wanted: Wanted,
) -> Result<Answer, Unanswered> {
    let (tenant, _) = server.tenant(tenant, ENDPOINT)?;
    let presented = Presented::read(headers);
    let has_credential = presented.is_something();
    let found = server.registry.registered(&tenant.id, &ClientId::claimed(id.as_str())).await?;
    let admitted = |managed: Managed| match wanted {
        Wanted::Read => Ok(managed),
        Wanted::Change(_) | Wanted::Delete => server.limits.change(&tenant, source, &managed.registered.client).map(|()| managed), // DR-05
    };
    let outcome = match authenticated(found, presented).row("DR-07").and_then(admitted) {
        Ok(managed) => match wanted {
            Wanted::Read => Ok(Answer::client_information(&told(&managed, &tenant))),
            Wanted::Change(body) => changed(server, &tenant, managed, body).await?,
            Wanted::Delete => Ok(deleted(server, &tenant, &managed.registered).await?),
        },
        Err(refused) => Err(refused),
    };
    let answer = match outcome {
        Ok(answer) => answer,
        Err(refused) => server.refused(&tenant, ENDPOINT, refused).await?,
    };
    Ok(answer.challenging_bearer(&tenant, has_credential))
}

/// Whether there is no such client or the token is not its own is not told.
fn authenticated(found: Option<Registered>, presented: Presented) -> Result<Managed, Refused> {
    let refused = || Refused::new(Code::InvalidToken, "this is not the registration access token of this client, or not any more");
    let Presented::Bearer(token) = presented else { return Err(refused()) };
    let registered = found.ok_or_else(refused)?;
    let digest = sha256(token.as_bytes());
    if registered.access.is_none_or(|known| !same(&known, &digest)) {
        return Err(refused());
    }
    Ok(Managed { registered, token })
}

/// The secret is not told again: only its digest is kept.
fn told(Managed { registered, token }: &Managed, tenant: &Tenant) -> serde_json::Value {
    echo(&registered.client, &Issued { access: Secret::new(token.clone()), secret: None }, tenant)
}

async fn changed(
    server: &Server,
    tenant: &Tenant,
    managed: Managed,
    body: Result<Bytes, Unread>,
) -> Result<Result<Answer, Refused>, Unanswered> {
    let before = managed.registered;
    let mut moment = server.moment();
    let asked = match asked(&before.client, body) {
        Ok(asked) => asked,
        Err(refused) => return Ok(Err(witnessed(refused, &before.client, tenant, &mut moment))),
    };
    let (after, issued, draft) = decide(&before, asked, tenant, &mut moment);
    let receipt = server.journal.commit(&tenant.id, draft).await?;
    Ok(Ok(Answer::changed(&echo(&after.client, &issued, tenant), receipt)))
}

/// The log hears of what was refused where somebody answers for the client: anybody may have a token who registers.
fn witnessed(refused: Refused, client: &Client, tenant: &Tenant, moment: &mut Moment) -> Refused {
    if !client.is_vouched_for() {
        return refused; // DR-05
    }
    let event = Event::new(Kind::RegistrationRefused, tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Client, &client.id)
        .with(Field::Outcome, refused.error().code())
        .with(Field::Reason, refused.reason())
        .with(Field::Row, refused.row());
    refused.recording(event)
}

fn asked(client: &Client, body: Result<Bytes, Unread>) -> Result<ClientMetadata, Refused> {
    may_change(client).row("DR-07")?;
    let body = body.map_err(|unread| Refused::invalid_metadata(unread.words())).row("DR-08")?;
    let mut asked = Asked::read(&body)?;
    is_about(client, &asked).row("DR-08")?;
    sets_nothing_of_ours(&asked).row("DR-08")?;
    same_secret(client, &asked).row("DR-08")?;
    asked.overruled_by(&client.about.stated); // DR-04
    asked.judged(&admission_of(client)).row("DR-08")
}

/// Who was refused changes nothing.
fn may_change(client: &Client) -> Result<(), Refused> {
    if client.standing == Standing::Denied {
        let description = "this registration may not be changed; delete it, and register anew";
        return Err(Refused::new(Code::InsufficientScope, description));
    }
    Ok(())
}

fn is_about(client: &Client, asked: &Asked) -> Result<(), Refused> {
    if asked.text("client_id") == Some(client.id.as_str()) {
        return Ok(());
    }
    Err(Refused::invalid_metadata("client_id must be there, and be the client's own"))
}

fn sets_nothing_of_ours(asked: &Asked) -> Result<(), Refused> {
    const OURS: [&str; 4] = ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];
    match OURS.into_iter().find(|member| asked.says(member)) {
        Some(member) => Err(Refused::invalid_metadata(format!("{member} is not for the client to set; leave it out"))),
        None => Ok(()),
    }
}

/// A client cannot choose its secret.
fn same_secret(client: &Client, asked: &Asked) -> Result<(), Refused> {
    let fits = match (&client.authentication, asked.text("client_secret")) {
        (_, None) => !asked.says("client_secret"),
        (ClientAuthentication::Secret { digest }, Some(secret)) => same(&sha256(secret.as_bytes()), digest),
        (ClientAuthentication::None, Some(_)) => false,
    };
    if fits { Ok(()) } else { Err(Refused::invalid_metadata("client_secret is not the client's own; leave it out, it stays as it is")) }
}

/// What a client may have does not grow by its asking: the rule that let it in still holds.
fn admission_of(client: &Client) -> Admission {
    let strangers = Admission::of_strangers();
    Admission {
        grants: if client.agent.is_some() { client.grant_types.clone() } else { strangers.grants.clone() },
        by: client.about.admitted_by.clone(),
        workload: client.about.workload.clone(),
        stated: client.about.stated.clone(),
        ..strangers
    }
}

fn decide(before: &Registered, asked: ClientMetadata, tenant: &Tenant, moment: &mut Moment) -> (Registered, Issued, Draft) {
    let access = secret_text(moment.entropy.take());
    let known = &before.client;
    let (standing, admitted_by) = standing(known, &asked, tenant);
    let secret = (asked.confidential && known.is_public()).then(|| secret_text(moment.entropy.take()));
    let client = Client {
        authentication: match (asked.confidential, &secret) {
            (true, None) => known.authentication,
            (_, secret) => authentication(secret.as_ref()),
        },
        standing,
        name: asked.name,
        redirect_uris: asked.redirect_uris,
        grant_types: asked.grants,
        about: About { admitted_by, ..asked.about },
        ..known.clone()
    };
    debug_assert!(client.agent.is_none() || matches!(client.scopes, ScopeLimit::Only(_)), "a workload's scopes are its rule's");
    let event = Event::new(Kind::ClientChanged, tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Client, &client.id)
        .with(Field::ClientName, &client.name);
    let change = Change { topic: Topic::Client, key: client.id.to_string() };
    let after = Registered { client, access: Some(sha256(access.expose().as_bytes())) };
    let draft = Draft::default().writing(after.replace(&tenant.id, before)).recording(event).telling(change);
    (after, Issued { access, secret }, draft)
}

/// What an administrator approved was this name at these addresses: a client that comes to be another waits again, and nobody answers for
/// it. Where everybody may register, it goes on as anybody.
fn standing(known: &Client, asked: &ClientMetadata, tenant: &Tenant) -> (Standing, Option<AdmittedBy>) {
    let same = known.name == asked.name && known.redirect_uris == asked.redirect_uris;
    match (&known.about.admitted_by, tenant.registration.dynamic) {
        (Some(AdmittedBy::Administrator(_)), Dynamic::Open) if !same => (Standing::Active, None),
        (Some(AdmittedBy::Administrator(_)), _) | (None, Dynamic::Approval) if !same => (Standing::Pending, None),
        (by, _) => (known.standing, by.clone()),
    }
}

async fn deleted(server: &Server, tenant: &Tenant, registered: &Registered) -> Result<Answer, Unanswered> {
    let mut moment = server.moment();
    let id = &registered.client.id;
    let event = Event::new(Kind::ClientDeleted, tenant.id, moment.now, &mut moment.entropy).with(Field::Client, id);
    let draft = end_of_gone_client(&tenant.id, id, "the client deleted its registration", moment.now)
        .writing(clients::remove(&tenant.id, id))
        .recording(event)
        .telling(Change { topic: Topic::Client, key: id.to_string() });
    Ok(Answer::deleted(server.journal.commit(&tenant.id, draft).await?))
}

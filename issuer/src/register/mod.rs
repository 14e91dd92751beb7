//! Dynamic client registration (RFC 7591), in its simplest governed form: a tenant has it or has not, and what registers itself is a
//! public client of the code flow, whatever it asks for (quarantine, DR-06).
//!
//! `token_endpoint_auth_method`: the answer is always `none`. A client that asks for a secret gets none, which RFC 7591 §3.2.1 allows,
//! and is told so: a secret that anybody may fetch proves nothing, and PKCE and rotation protect a public client. Who needs to prove who
//! it is, and to act as an agent, is registered in `chancery.yaml`.
//!
//! 1. The tenant takes registrations, and not too many of them came to nothing.
//! 2. The metadata is read; what is dangerous or contradicts itself is refused, what we do not know is left out.
//! 3. The client, its event and its feed entry are one Unit. The answer echoes what was registered, and nothing else.

mod client_metadata;
mod redirect_uris;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use chancery_audit::{Change, Counter, Draft, Topic};
use chancery_core::oauth::Code;
use chancery_core::{ClientId, Event, Field, Kind};
use chancery_registry::{Client, GrantType, Tenant};
use chancery_store::repo::clients;
use serde_json::{Value, json};

use self::client_metadata::ClientMetadata;
use crate::answer::Answer;
use crate::body::whole;
use crate::moment::Moment;
use crate::refusal::Refused;
use crate::server::Server;
use crate::unanswered::Unanswered;

const ENDPOINT: &str = "register";

/// How many clients of one tenant may have registered themselves and got no token yet.
const MOST_NEVER_USED: u32 = 10_000;

pub(crate) async fn register(State(server): State<Arc<Server>>, Path(tenant): Path<String>, body: Result<Bytes, BytesRejection>) -> Answer {
    answered(&server, &tenant, body).await.unwrap_or_else(Answer::unanswered)
}

async fn answered(server: &Server, tenant: &str, body: Result<Bytes, BytesRejection>) -> Result<Answer, Unanswered> {
    let (tenant, _) = server.tenant(tenant, ENDPOINT)?;
    // MD-05: where it is not offered, nothing lies here.
    if !tenant.registration.is_offered() {
        server.counters.count(Some(tenant.id), Counter { endpoint: ENDPOINT, reason: "closed", row: "MD-05" });
        return Err(Unanswered::NotHere);
    }
    let body = whole(body).map_err(|unread| Refused::invalid_metadata(unread.words()));
    let read = body.and_then(|body| client_metadata::read(&body));
    match read {
        Ok(asked) => registered(server, &tenant, &asked).await,
        Err(refused) => server.refused(&tenant, ENDPOINT, refused).await,
    }
}

async fn registered(server: &Server, tenant: &Tenant, asked: &ClientMetadata) -> Result<Answer, Unanswered> {
    if let Err(refused) = there_is_room(clients::never_used(&server.store, &tenant.id, MOST_NEVER_USED).await?) {
        return server.refused(tenant, ENDPOINT, refused).await;
    }
    let (client, draft) = decide(asked, tenant, &mut server.moment());
    let receipt = server.journal.commit(&tenant.id, draft).await?;
    Ok(Answer::registered(&echo(&client), receipt))
}

/// Strangers fill no disk: those that came to nothing go after an hour, and until then there are only so many of them.
fn there_is_room(never_used: u64) -> Result<(), Refused> {
    if never_used < u64::from(MOST_NEVER_USED) {
        return Ok(());
    }
    let description = "too many clients have registered here and were never used; try again later, or have this one registered by hand";
    Err(Refused::new(Code::TemporarilyUnavailable, description))
}

fn decide(asked: &ClientMetadata, tenant: &Tenant, moment: &mut Moment) -> (Client, Draft) {
    let id = ClientId::mint(moment.now, &mut moment.entropy);
    let client = Client::dynamic(id, asked.name.clone(), asked.redirect_uris.clone(), moment.now); // DR-06
    let event = Event::new(Kind::ClientRegistered, tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Client, &client.id)
        .with(Field::ClientName, &client.name);
    let draft = Draft::default()
        .writing(client.registration(&tenant.id))
        .recording(event)
        .telling(Change { topic: Topic::Client, key: client.id.to_string() });
    (client, draft)
}

/// All that was registered, as it was registered (RFC 7591 §3.2.1; DR-01). No member is `null` or empty: clients refuse that.
fn echo(client: &Client) -> Value {
    json!({
        "client_id": client.id,
        "client_id_issued_at": client.created_at.seconds(),
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "token_endpoint_auth_method": "none",
        "grant_types": GrantType::ALL.map(GrantType::as_str),
        "response_types": ["code"],
    })
}

#[cfg(test)]
mod tests;

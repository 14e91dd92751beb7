//! Clients hear that a session ended (OpenID Connect Back-Channel Logout §2.4–2.8; BL-03). The Unit that ends it writes a row for each client that
//! was allowed something in it; every node looks for rows that are due. One at a time takes a row's turn, signs a token of two minutes and posts
//! it. Who does not answer well is asked again after one, four and ten minutes; then the row goes, and an event says so.

use std::sync::Arc;
use std::time::Duration;

use chancery_audit::{CommitError, Draft, Journal, Receipt};
use chancery_core::{ClientId, Clock, Event, Field, Issuer, Kind, Rng, SessionId, TokenId};
use chancery_crypto::digest::{base64url, sha256};
use chancery_outbound::{Fetcher, Purpose};
use chancery_registry::{Registry, Tenant};
use chancery_store::Store;
use chancery_store::repo::logouts::{self, Logout};
use chancery_tokens::Signer;
use form_urlencoded::Serializer;
use futures_util::future::join_all;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::{Value, json};

use crate::moment::Moment;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const LIFE: Duration = Duration::from_secs(120);
/// How long after each attempt the next one is due. After the last there is none.
const NEXT: [Duration; 4] = [Duration::from_secs(60), Duration::from_secs(4 * 60), Duration::from_secs(10 * 60), Duration::from_secs(60)];
/// How many of a tenant's are told at once.
const BITE: u32 = 32;

/// What tells them.
#[derive(Clone)]
pub struct Logouts {
    pub registry: Registry,
    pub signer: Signer,
    pub journal: Journal,
    pub store: Store,
    pub fetcher: Fetcher,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

#[derive(Serialize)]
struct LogoutToken {
    iss: Issuer,
    sub: String,
    aud: ClientId,
    iat: i64,
    exp: i64,
    jti: TokenId,
    events: Value,
    sid: String,
}

/// What came of an attempt.
enum Heard {
    Yes,
    /// Nobody is there to hear.
    Nobody,
    No(String),
}

/// What a session is called to one client: neither its id, nor what another client calls it.
pub(crate) fn session_for(session: &SessionId, client: &ClientId) -> String {
    base64url(&sha256(format!("sid {session} {client}").as_bytes())[..16])
}

impl Logouts {
    /// Tells what is due; how many attempts that were.
    ///
    /// # Errors
    /// When the database does not answer. What is still to be told stays.
    pub async fn tell(&self) -> Result<usize, CommitError> {
        let mut told = 0;
        for tenant in self.registry.tenants() {
            loop {
                let due = logouts::due(&self.store, &tenant.id, self.clock.now(), BITE).await?;
                for outcome in join_all(due.iter().map(|logout| self.one(&tenant, logout))).await {
                    told += usize::from(outcome?);
                }
                if due.len() < BITE as usize {
                    break;
                }
            }
        }
        Ok(told)
    }

    async fn one(&self, tenant: &Tenant, logout: &Logout) -> Result<bool, CommitError> {
        let mut moment = Moment::of(&*self.clock, &*self.rng);
        let next = moment.now + NEXT[(logout.attempts as usize).min(NEXT.len() - 1)];
        let turn = match self.journal.commit(&tenant.id, Draft::default().writing(logouts::take(logout, next))).await {
            Ok(turn) => turn,
            Err(CommitError::GuardFailed(_)) => return Ok(false), // another node's
            Err(error) => return Err(error),
        };
        let done = Draft::default().writing(logouts::remove(logout));
        let done = match self.post(tenant, logout, &turn, &mut moment).await {
            Heard::Yes | Heard::Nobody => done,
            Heard::No(why) => {
                tracing::warn!(tenant = %tenant.name, client = %logout.client, why, "a client could not be told that a session ended");
                if logout.attempts as usize + 1 < NEXT.len() {
                    return Ok(true);
                }
                done.recording(untold(logout, &why, &mut moment))
            }
        };
        let _receipt = self.journal.commit(&tenant.id, done).await?;
        Ok(true)
    }

    async fn post(&self, tenant: &Tenant, logout: &Logout, _turn: &Receipt, moment: &mut Moment) -> Heard {
        let client = match self.registry.client_for(tenant, &logout.client, None).await {
            Ok(Some(client)) => client,
            Ok(None) => return Heard::Nobody,
            Err(error) => return Heard::No(error.to_string()),
        };
        let Some((purpose, address)) = tenant.logout_address(&client) else { return Heard::Nobody };
        let claims = claims(tenant, logout, moment);
        let token = match self.signer.logout_token(&tenant.id, &claims, moment.now) {
            Ok(token) => token,
            Err(error) => return Heard::No(error.to_string()),
        };
        let form = Serializer::new(String::new()).append_pair("logout_token", token.expose()).finish();
        self.sent(purpose, address, form).await
    }

    async fn sent(&self, purpose: Purpose, address: &str, form: String) -> Heard {
        let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))];
        match self.fetcher.post_form(purpose, address, &headers, form).await {
            Ok(answer) if answer.status.is_success() => Heard::Yes,
            Ok(answer) => Heard::No(format!("it answers with status {}", answer.status.as_u16())),
            Err(error) => Heard::No(error.to_string()),
        }
    }
}

/// No nonce: an ID token must never pass for one of these, nor the other way round.
fn claims(tenant: &Tenant, logout: &Logout, moment: &mut Moment) -> LogoutToken {
    LogoutToken {
        iss: tenant.issuer.clone(),
        sub: logout.subject.clone(),
        aud: logout.client.clone(),
        iat: moment.now.seconds(),
        exp: (moment.now + LIFE).seconds(),
        jti: TokenId::mint(moment.now, &mut moment.entropy),
        events: json!({ EVENT: {} }),
        sid: session_for(&logout.session, &logout.client),
    }
}

fn untold(logout: &Logout, why: &str, moment: &mut Moment) -> Event {
    Event::new(Kind::LogoutUntold, logout.tenant, moment.now, &mut moment.entropy)
        .with(Field::Subject, &logout.subject)
        .with(Field::Client, &logout.client)
        .with(Field::Session, logout.session)
        .with(Field::Reason, why)
        .with(Field::Row, "BL-03")
}

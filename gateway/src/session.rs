//! The `Mcp-Session-Id` towards clients: the upstream's id, sealed together with whose session it is (MCP 2025-11-25, Transports, Session Management; MC-07).
//!
//! Any node can open it, nobody else can use it, and it authenticates nobody: the token has done that before it is looked at. It names
//! no grant, since a step-up makes a new one and clients keep the session.

use std::sync::Arc;
use std::time::Duration;

use chancery_core::{Caller, ClientId, Entropy, ResourceId, TenantId, Timestamp};
use chancery_crypto::seal::{Bound, InFlightKey, InFlightKeys, Purpose};
use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

pub const HEADER: HeaderName = HeaderName::from_static("mcp-session-id");

/// A client that holds on to a session for longer is told that it has ended, and opens another.
const LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Where a session is good. Tenant and resource are the seal's associated data.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub keys: &'a InFlightKeys,
    /// The one of them that seals.
    pub newest: &'a InFlightKey,
    pub tenant: &'a TenantId,
    pub resource: &'a ResourceId,
}

/// A session that a client presented and that is its own.
#[derive(Clone)]
pub struct Session {
    /// As the client knows it.
    sealed: String,
    /// As the upstream knows it.
    pub upstream: String,
    /// Which of its replicas knows it, where there are several.
    pub replica: Option<Arc<str>>,
}

/// A session as the upstream named it in an answer.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    pub upstream: &'a str,
    pub replica: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct Inside {
    upstream: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    replica: Option<String>,
    subject: String,
    client: ClientId,
    end: Timestamp,
}

/// The session of a request, if it names one. One that is another's, another resource's, altered, too old or doubled has ended as far
/// as this client is concerned: they are not told apart.
pub fn presented(headers: &HeaderMap, place: Place<'_>, caller: &Caller, now: Timestamp) -> Result<Option<Session>, Refusal> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let sealed = value.to_str().ok().filter(|_| values.next().is_none()).ok_or_else(Refusal::unknown_session)?;
    let opened = place.keys.open(place.bound(&place.resource.to_string()), sealed);
    let inside: Inside = opened.and_then(|opened| serde_json::from_slice(opened.expose()).ok()).ok_or_else(Refusal::unknown_session)?;
    let own = inside.subject == caller.subject && inside.client == caller.client; // MC-07
    if !own || inside.end <= now {
        return Err(Refusal::unknown_session());
    }
    Ok(Some(Session { sealed: sealed.to_owned(), upstream: inside.upstream, replica: inside.replica.map(Into::into) }))
}

impl<'a> Place<'a> {
    /// What the client may know the upstream's session as. Upstreams repeat the id in every answer, and so do we, unchanged.
    pub fn outward(self, named: Named<'_>, presented: Option<&Session>, seal: impl FnOnce(Self) -> String) -> String {
        match presented {
            Some(session) if session.upstream == named.upstream && session.replica.as_deref() == named.replica => session.sealed.clone(),
            _ => seal(self),
        }
    }

    pub fn seal(self, named: Named<'_>, caller: &Caller, now: Timestamp, entropy: &mut Entropy) -> String {
        let (subject, client) = (caller.subject.clone(), caller.client.clone());
        let inside =
            Inside { upstream: named.upstream.to_owned(), replica: named.replica.map(str::to_owned), subject, client, end: now + LIFE };
        let plain = serde_json::to_vec(&inside).expect("strings and numbers serialise");
        self.newest.seal(self.bound(&self.resource.to_string()), entropy.take(), &plain)
    }

    fn bound(self, resource: &'a str) -> Bound<'a> {
        Bound { purpose: Purpose::McpSession, tenant: self.tenant, resource }
    }
}

#[cfg(test)]
mod tests;

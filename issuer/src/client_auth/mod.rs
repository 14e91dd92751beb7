//! Client authentication (RFC 6749 §2.3; OAuth 2.1 §2.4): who sends this request, and did it prove so. One file a method; a new one
//! is a file and a line in [`METHODS`].
//!
//! 1. Each method says whether the request uses it. Two at once are refused, none names nobody.
//! 2. The client that is named is loaded.
//! 3. What it presented is held against what it registered: a client with a secret must show it, one without must not.

mod client_secret_basic;
mod client_secret_post;
mod none;

use std::sync::Arc;

use chancery_core::oauth::Code;
use chancery_core::{AgentId, ClientId, Secret};
use chancery_crypto::digest::{same, sha256};
use chancery_registry::{Client, ClientAuthentication, Standing};

use crate::form::Form;
use crate::refusal::Refused;

const METHODS: [Method; 3] = [client_secret_basic::METHOD, client_secret_post::METHOD, none::METHOD];

/// A way to authenticate: what the request presents by it, if it uses it at all.
struct Method {
    claim: fn(&Material<'_>) -> Option<Result<Claim, Refused>>,
}

/// What a request has to authenticate its sender with.
#[derive(Clone, Copy)]
pub(crate) struct Material<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    pub form: &'a Form,
}

/// Who the sender says it is, and what it shows for it. Nothing is believed yet.
pub(crate) struct Claim {
    client: ClientId,
    secret: Option<Secret<String>>,
}

/// A client that sent this request, as far as its kind can show that. Only this room's methods build one.
#[derive(Clone)]
pub(crate) struct AuthenticatedClient {
    client: Arc<Client>,
    proven: bool,
}

impl AuthenticatedClient {
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn id(&self) -> &ClientId {
        &self.client.id
    }

    /// Whether it proved who it is. A public client proves nothing: anybody can send its id.
    pub const fn is_proven(&self) -> bool {
        self.proven
    }

    /// Whether a refusal of it is a refusal of somebody in particular: it proved who it is, and somebody answers for that. A secret that
    /// anybody may fetch makes nobody of a stranger.
    pub fn is_somebody(&self) -> bool {
        self.proven && self.client.is_vouched_for()
    }

    /// The registered agent that acts: only of a client that proved to be the agent's.
    pub fn agent(&self) -> Option<AgentId> {
        acting_agent(&self.client).filter(|_| self.proven)
    }
}

/// The registered agent as which a client will act, once it authenticates. A public one proves nothing, so it acts as nobody (AT-04).
pub(crate) fn acting_agent(client: &Client) -> Option<AgentId> {
    client.agent.filter(|_| !client.is_public())
}

/// The request's one claim.
pub(crate) fn claim(material: &Material<'_>) -> Result<Claim, Refused> {
    let mut claims = METHODS.iter().filter_map(|method| (method.claim)(material));
    match (claims.next(), claims.next()) {
        (Some(only), None) => only,
        (None, _) => Err(Refused::invalid_client("the request names no client; send client_id")),
        (Some(_), Some(_)) => Err(Refused::invalid_request("the client authenticates in two ways at once; use one")), // OA-11
    }
}

impl Claim {
    /// Whom to load, so that the claim can be judged.
    pub const fn client(&self) -> &ClientId {
        &self.client
    }

    pub fn proven_by(&self, known: Option<&Arc<Client>>) -> Result<AuthenticatedClient, Refused> {
        let client = known.filter(|known| known.id == self.client).ok_or_else(|| {
            Refused::invalid_client("there is no client of this client_id here; register again, or ask who runs this server to add it")
        })?;
        if client.standing != Standing::Active {
            return Err(Refused::new(
                Code::UnauthorizedClient,
                "this client waits for an administrator's approval or was refused it, or the rule that let it in does so no longer",
            ));
        }
        let proven = match (&client.authentication, &self.secret) {
            (ClientAuthentication::None, None) => false,
            (ClientAuthentication::Secret { digest }, Some(secret)) if same(&sha256(secret.expose().as_bytes()), digest) => true,
            (ClientAuthentication::Secret { .. }, Some(_)) => return Err(Refused::invalid_client("the client's secret is wrong")),
            (ClientAuthentication::Secret { .. }, None) => {
                return Err(Refused::invalid_client("this client has a secret; send it by HTTP Basic or as client_secret"));
            }
            (ClientAuthentication::None, Some(_)) => {
                return Err(Refused::invalid_client("this client is a public one and has no secret; send client_id alone"));
            }
        };
        Ok(AuthenticatedClient { client: Arc::clone(client), proven })
    }
}

#[cfg(test)]
mod tests;

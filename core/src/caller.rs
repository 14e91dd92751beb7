//! Who calls through the gateway, and how the gateway asks for what the upstream will accept in their name.

use futures_util::future::BoxFuture;

use crate::{Actor, AgentId, ClientId, DecisionId, GrantId, ResourceId, ScopeSet, Secret, TenantId, Timestamp, sign_in::Authentication};

/// The authority behind one call, read from a verified token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    pub tenant: TenantId,
    /// The token's `sub`: a subject's id, or an agent's or client's that acts as itself.
    pub subject: String,
    pub client: ClientId,
    pub agent: Option<AgentId>,
    pub owner: Option<String>,
    pub roles: Vec<String>,
    pub act: Option<Actor>,
    pub scope: ScopeSet,
    /// The grant path, from the root down; empty for what no grant stands behind.
    pub grants: Vec<GrantId>,
    pub authentication: Option<Authentication>,
    /// SHA-256 of the inbound token: what a cache may key by.
    pub token_digest: [u8; 32],
    /// When the inbound token ends. Nothing obtained for it may outlive it.
    pub expires_at: Timestamp,
}

/// What the upstream receives in place of the caller's token, which is never passed on (MC-02).
#[derive(Clone)]
pub enum UpstreamCredential {
    /// An `Authorization: Bearer` header.
    Bearer(Secret<String>),
}

/// Why there is no credential for the upstream.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CredentialTrouble {
    /// What stood behind the call has ended meanwhile.
    #[error("the grant behind this call has ended")]
    Ended,
    /// The policies that said no, and what the first of them advises.
    #[error("denied by policy {} (decision {decision})", .policies.join(", "))]
    Denied { decision: DecisionId, policies: Vec<String>, advice: Option<String> },
    #[error("what this caller may does not fit into a token that servers take")]
    TooLarge,
    /// Another server stands there now, or none: what would be made is nothing to the one that the call is for.
    #[error("the server behind the resource is no longer the one that this call is for")]
    Replaced,
    #[error("no credential could be made for the upstream: {0}")]
    Unavailable(String),
}

/// The server that a credential is for, as the call holds it: what is made for another is never shown to this one (MC-02).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerBehind<'a> {
    pub resource: &'a ResourceId,
    pub audience: &'a str,
    /// What it verifies signatures with, by name.
    pub algorithm: &'a str,
}

/// Where upstream credentials come from. The gateway asks; who answers (our own issuer, a foreign one, a broker) is wired elsewhere.
pub trait Credentials: Send + Sync + 'static {
    fn obtain<'a>(&'a self, caller: &'a Caller, server: ServerBehind<'a>) -> BoxFuture<'a, Result<UpstreamCredential, CredentialTrouble>>;
}

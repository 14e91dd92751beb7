//! OAuth clients as the issuer sees them, wherever they came from.

mod admitted_by;
mod stored;

use std::collections::BTreeSet;

use chancery_core::{AgentId, ClientId, Scope, ScopeSet, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use admitted_by::AdmittedBy;
pub use chancery_store::repo::clients::Standing;
pub use stored::Registered;

use crate::Workload;

/// Who a token can be issued to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Client {
    pub id: ClientId,
    /// The file's name for it, or what a registered client calls itself: then it is not to be believed.
    pub name: String,
    pub origin: Origin,
    /// As they were registered; the issuer compares them as strings but for a loopback's port (OA-02, OA-03).
    pub redirect_uris: Vec<String>,
    pub authentication: ClientAuthentication,
    pub grant_types: BTreeSet<GrantType>,
    /// The registered agent that this client proves to be when it authenticates.
    pub agent: Option<AgentId>,
    /// What its tokens may carry, whoever allows it.
    pub scopes: ScopeLimit,
    /// Whether it may be used at all.
    pub standing: Standing,
    /// What else it says of itself. Nobody checked it.
    pub about: About,
    pub created_at: Timestamp,
    /// When it is forgotten unless it is used; never, for those of the file.
    pub keep_until: Option<Timestamp>,
}

/// Where a client came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// An operator named it in `chancery.yaml`.
    File,
    /// It registered itself (RFC 7591); nobody vouches for it but by the tenant's own rules.
    Dynamic,
    /// It is named by the address of a document about it; whoever holds that address vouches for it.
    Document,
}

/// How a client proves who it is at the token endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientAuthentication {
    /// A public client proves nothing.
    None,
    /// SHA-256 of its secret, which has at least 128 bits (JW-08).
    Secret { digest: [u8; 32] },
}

/// The grants of RFC 6749 that a client may use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    AuthorizationCode,
    RefreshToken,
    /// A client as itself, or as the agent it proves to be.
    ClientCredentials,
}

/// The scopes that a client's tokens may carry at most.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum ScopeLimit {
    /// Whatever the resource has and a person allows.
    #[default]
    Unlimited,
    /// None but these: a quarantine, or what the rule says that let it register.
    Only(ScopeSet),
}

/// What a client that registers itself says beside what matters: for whoever has to judge it (RFC 7591 §2).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct About {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// How it wanted to send its secret, if it has one. Either way is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<String>,
    /// Where it wants to hear that a session ended (OpenID Connect Back-Channel Logout §2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether it wants to be told which; it is told in any case.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub backchannel_logout_session_required: bool,
    /// It gets no token that is not bound to a key of its own (RFC 9449 §5.2).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_access_tokens: bool,
    /// Who answers for it, if anybody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admitted_by: Option<AdmittedBy>,
    /// Which workload it is, where its platform said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
    /// What a software statement says of it (RFC 7591 §2.3): it cannot say otherwise.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub stated: Map<String, Value>,
}

impl GrantType {
    pub const ALL: [Self; 3] = [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials];
    /// What a person's app needs, and all that a stranger may have (DR-06).
    pub const OF_THE_CODE_FLOW: [Self; 2] = [Self::AuthorizationCode, Self::RefreshToken];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

impl ScopeLimit {
    /// What of these may be had.
    pub fn within(&self, scopes: &ScopeSet) -> ScopeSet {
        match self {
            Self::Unlimited => scopes.clone(),
            Self::Only(limit) => scopes.intersection(limit),
        }
    }

    pub fn admits(&self, scope: &Scope) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Only(limit) => limit.contains(scope),
        }
    }
}

impl Client {
    pub const fn is_public(&self) -> bool {
        matches!(self.authentication, ClientAuthentication::None)
    }

    /// One that is there without anybody saying so: public, for the code flow.
    pub(crate) fn built_in(id: ClientId, name: &str, redirect_uris: Vec<String>, created_at: Timestamp) -> Self {
        Self { origin: Origin::File, keep_until: None, ..Self::dynamic(id, name.to_owned(), redirect_uris, created_at) }
    }

    /// Whether somebody answers for it: the operator who named it, or the rule or administrator that let it in. What a stranger registered, or wrote into a
    /// document of his own, says nothing of who he is, whatever secret comes with it; no more does a statement that anybody has who has the
    /// software.
    pub const fn is_vouched_for(&self) -> bool {
        match self.origin {
            Origin::File => true,
            Origin::Dynamic => !matches!(self.about.admitted_by, None | Some(AdmittedBy::Statement(_))), // DR-05
            Origin::Document => false,
        }
    }

    /// Whether somebody here read its name and its addresses, and answers for just these: the operator who wrote them, or the administrator
    /// who let it in as that. A rule lets in whatever such a client calls itself.
    pub const fn is_who_it_says(&self) -> bool {
        match self.origin {
            Origin::File => true,
            Origin::Dynamic => matches!(self.about.admitted_by, Some(AdmittedBy::Administrator(_))),
            Origin::Document => false,
        }
    }

    /// One that registers itself in the plainest way: public, for the code flow, in no quarantine.
    pub fn dynamic(id: ClientId, name: String, redirect_uris: Vec<String>, created_at: Timestamp) -> Self {
        Self {
            id,
            name,
            origin: Origin::Dynamic,
            redirect_uris,
            authentication: ClientAuthentication::None,
            grant_types: GrantType::OF_THE_CODE_FLOW.into(),
            agent: None,
            scopes: ScopeLimit::Unlimited,
            standing: Standing::Active,
            about: About::default(),
            created_at,
            keep_until: Some(created_at + UNUSED_CLIENTS_STAY),
        }
    }

    /// Whether an id is of the form that we give to those who register. Nothing else is worth a read.
    pub(crate) fn may_have(id: &ClientId) -> bool {
        let digits = id.as_str().strip_prefix(ClientId::PREFIX).and_then(|rest| rest.strip_prefix('_'));
        digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}

/// A client that registered itself and got no token in this time was an attempt, or somebody who fills the table.
pub const UNUSED_CLIENTS_STAY: std::time::Duration = std::time::Duration::from_hours(1);

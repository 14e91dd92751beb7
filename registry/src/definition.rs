//! Definitions: what an operator said of each object, as the registry keeps it. They hold no secret, so they can be shown, compared and
//! logged, and they call other objects by name, so an object that comes again under its name is found again.

use std::collections::{BTreeMap, BTreeSet};

use chancery_core::{ResourceUrl, Scope, ScopeSet, Slug};
use chancery_crypto::jose::Algorithm;
use chancery_store::repo::objects::{Object, ObjectKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{AccessRule, Dpop, GrantType, Lifetimes, Listing, Registration, RegistryError, SignInDemand, SignIns, SignOut, Tool, Upstream};

/// One object's definition. A member that this version does not know is an error: it could be a restriction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Definition {
    IdentityProvider(ProviderDefinition),
    Resource(Box<ResourceDefinition>),
    Agent(AgentDefinition),
    Client(ClientDefinition),
    Policy(PolicyDefinition),
    Settings(Box<SettingsDefinition>),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderDefinition {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    pub issuer: String,
    pub client_id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scopes: Option<ScopeSet>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub issuers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub domains: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub groups_claim: Option<String>,
}

impl ProviderDefinition {
    /// The issuers whose people may sign in by it.
    pub(crate) fn vouching(&self) -> impl Iterator<Item = &str> {
        let own = self.issuers.is_empty().then_some(&self.issuer);
        own.into_iter().chain(&self.issuers).map(String::as_str)
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceDefinition {
    pub url: ResourceUrl,
    pub title: String,
    pub scopes: BTreeMap<Scope, String>,
    pub default_scope: ScopeSet,
    pub strict: bool,
    pub tools: BTreeMap<String, Tool>,
    #[serde(skip_serializing_if = "Listing::is_default", default)]
    pub listing: Listing,
    #[serde(skip_serializing_if = "SignInDemand::is_none", default)]
    pub sign_in: SignInDemand,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub upstream: Option<Upstream>,
    pub require_agent: bool,
    #[serde(skip_serializing_if = "is_usual", default)]
    pub token_signing_alg: Algorithm,
    #[serde(skip_serializing_if = "Dpop::is_default", default)]
    pub dpop: Dpop,
}

fn is_usual(algorithm: &Algorithm) -> bool {
    *algorithm == Algorithm::default()
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentDefinition {
    pub owner: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientDefinition {
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub redirect_uris: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent: Option<Slug>,
    /// Those of the code flow, where the file does not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub grants: Option<BTreeSet<GrantType>>,
    /// At most; what its resources have, where the file does not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scopes: Option<ScopeSet>,
    /// Where it hears that a session ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backchannel_logout_uri: Option<String>,
    /// Whether it gets bound tokens alone.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub dpop_bound_access_tokens: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyDefinition {
    /// Cedar.
    pub text: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsDefinition {
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub access: Vec<AccessRule>,
    pub registration: Registration,
    #[serde(default)]
    pub sign_ins: SignIns,
    pub lifetimes: Lifetimes,
    #[serde(default)]
    pub sign_out: SignOut,
}

impl Definition {
    pub(crate) const fn kind(&self) -> ObjectKind {
        match self {
            Self::IdentityProvider(_) => ObjectKind::IdentityProvider,
            Self::Resource(_) => ObjectKind::Resource,
            Self::Agent(_) => ObjectKind::Agent,
            Self::Client(_) => ObjectKind::Client,
            Self::Policy(_) => ObjectKind::Policy,
            Self::Settings(_) => ObjectKind::Settings,
        }
    }

    /// As JSON: what the store keeps and a plan compares.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let json = match self {
            Self::IdentityProvider(definition) => serde_json::to_value(definition),
            Self::Resource(definition) => serde_json::to_value(definition),
            Self::Agent(definition) => serde_json::to_value(definition),
            Self::Client(definition) => serde_json::to_value(definition),
            Self::Policy(definition) => serde_json::to_value(definition),
            Self::Settings(definition) => serde_json::to_value(definition),
        };
        json.expect("definitions are plain data with text for keys")
    }

    /// As the store has it.
    pub(crate) fn of(object: &Object) -> Result<Self, RegistryError> {
        fn read<T: DeserializeOwned>(object: &Object) -> Result<T, RegistryError> {
            serde_json::from_str(&object.body).map_err(|error| RegistryError::unreadable(object, error))
        }
        Ok(match object.kind {
            ObjectKind::IdentityProvider => Self::IdentityProvider(read(object)?),
            ObjectKind::Resource => Self::Resource(read(object)?),
            ObjectKind::Agent => Self::Agent(read(object)?),
            ObjectKind::Client => Self::Client(read(object)?),
            ObjectKind::Policy => Self::Policy(read(object)?),
            ObjectKind::Settings => Self::Settings(read(object)?),
        })
    }

    /// What tokens are signed with on its account.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        match self {
            Self::Resource(resource) => {
                let upstream = resource.upstream.iter().map(|upstream| upstream.token_signing_alg);
                std::iter::once(resource.token_signing_alg).chain(upstream).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A resource's public URL, which is unique over all tenants.
    pub(crate) const fn url(&self) -> Option<&ResourceUrl> {
        match self {
            Self::Resource(resource) => Some(&resource.url),
            _ => None,
        }
    }
}

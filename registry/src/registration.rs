//! Who may register a client at run time, and as what (RFC 7591; design §4): the tenant's rules, as data.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chancery_core::{ScopeSet, Slug};
use serde::{Deserialize, Serialize};

use crate::GrantType;
use crate::document_rules::DocumentRules;

/// The rules of a tenant. Nobody registers unless the file says so.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Registration {
    pub dynamic: Dynamic,
    /// The only scopes that those may have who register themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<ScopeSet>,
    #[serde(skip_serializing_if = "is_default")]
    pub quotas: Quotas,
    /// Who may vouch for software (RFC 7591 §2.3).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<StatementIssuer>,
    /// Whose workloads may register, by the token that their platform gives them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Platform>,
    /// Who may be known by a document at an address of its own.
    #[serde(skip_serializing_if = "DocumentRules::is_default")]
    pub documents: DocumentRules,
    /// The identity provider that must know our clients as its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
}

/// Who registers here is registered there too.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// An identity provider of the tenant.
    pub provider: Slug,
    /// Where clients are registered; by the provider's metadata, where the file does not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<String>,
    /// The word before the credential: `Bearer`, or the provider's own.
    pub scheme: String,
}

/// What somebody needs who comes without a platform's token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dynamic {
    /// Nobody registers so.
    #[default]
    Closed,
    /// An initial access token, or a software statement.
    Token,
    /// Anybody registers, and waits until an administrator approves.
    Approval,
    /// Nothing.
    Open,
}

/// How much strangers may register.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// So many from one source, an IPv4 address or an IPv6 /64, in `per`.
    pub per_source: u32,
    #[serde(with = "crate::duration")]
    pub per: Duration,
    /// So many in the tenant that were never used.
    pub never_used: u32,
    /// A client that no grant is left of and nobody used for so long is forgotten.
    #[serde(with = "crate::duration")]
    pub forget_after: Duration,
}

/// How much of a sign-in strangers may begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignIns {
    /// So many pages answered from one source, or by one person who is signed in, in `per`.
    pub per_source: u32,
    #[serde(with = "crate::duration")]
    pub per: Duration,
    /// So many sign-ins in the tenant that began and are not forgotten.
    pub under_way: u32,
}

/// One who vouches for software by signing statements.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementIssuer {
    /// As its statements say it in `iss`.
    pub issuer: String,
    pub keys: Keys,
    /// The software that is approved, by `software_id`; all of it, where the file does not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub software: Option<BTreeSet<String>>,
}

/// A platform whose workloads register by the token that it gives them, such as a CI system.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    pub name: Slug,
    pub issuer: String,
    /// Where the keys are; by discovery at the issuer, where the file does not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub keys: Option<Keys>,
    /// What its tokens must be for; our own issuer, where the file does not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub audience: Option<String>,
    /// What its tokens must say, each claim as a text in which `*` stands for anything.
    pub claims: BTreeMap<String, String>,
    /// The registered agent as which its clients act.
    pub agent: Slug,
    pub grants: BTreeSet<GrantType>,
    pub scopes: ScopeSet,
}

/// Where public keys are had.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// A key set, in the file itself.
    Set(String),
    /// The address of one.
    Uri(String),
}

impl Registration {
    /// Whether there is any way in at all: then the endpoint is live, and advertised (MD-05).
    pub fn is_offered(&self) -> bool {
        self.dynamic != Dynamic::Closed || !self.platforms.is_empty()
    }
}

impl Dynamic {
    pub const ALL: [Self; 4] = [Self::Open, Self::Closed, Self::Token, Self::Approval];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Token => "token",
            Self::Approval => "approval",
            Self::Open => "open",
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self { per_source: 100, per: Duration::from_hours(1), never_used: 10_000, forget_after: Duration::from_hours(180 * 24) }
    }
}

/// An office of thousands behind one address begins its day within this; who needs more says so.
impl Default for SignIns {
    fn default() -> Self {
        Self { per_source: 1_000, per: Duration::from_mins(10), under_way: 20_000 }
    }
}

impl From<Dynamic> for Registration {
    fn from(dynamic: Dynamic) -> Self {
        Self { dynamic, ..Self::default() }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The forms in which rules were ever kept: the word alone, before there was more to say.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Word(Dynamic),
    Whole(Box<Whole>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    dynamic: Dynamic,
    #[serde(default)]
    quarantine: Option<ScopeSet>,
    #[serde(default)]
    quotas: Quotas,
    #[serde(default)]
    statements: Vec<StatementIssuer>,
    #[serde(default)]
    platforms: Vec<Platform>,
    #[serde(default)]
    documents: DocumentRules,
    #[serde(default)]
    proxy: Option<Proxy>,
}

impl From<Written> for Registration {
    fn from(written: Written) -> Self {
        match written {
            Written::Word(dynamic) => dynamic.into(),
            Written::Whole(whole) => {
                let Whole { dynamic, quarantine, quotas, statements, platforms, documents, proxy } = *whole;
                Self { dynamic, quarantine, quotas, statements, platforms, documents, proxy }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_were_ever_written() {
        let read = |text: &str| serde_json::from_str::<Registration>(text).expect("rules");
        assert_eq!(read(r#""open""#), Dynamic::Open.into());
        assert_eq!(read(r#"{"dynamic":"token"}"#), Dynamic::Token.into());
        let rules = Registration { quarantine: Some("bank:read".parse().expect("a scope")), ..Dynamic::Approval.into() };
        assert_eq!(read(&serde_json::to_string(&rules).expect("JSON")), rules);
        assert!(serde_json::from_str::<Registration>(r#"{"dynamic":"open","strict":true}"#).is_err());
    }
}

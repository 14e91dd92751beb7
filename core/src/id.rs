//! Ids: a prefix that says what is named, and a UUIDv7 in 32 hex digits, so rows lie in the order they were made, nobody
//! guesses one, and a client or an agent can never be taken for a person (SB-10).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use uuid::fmt::Simple;

use crate::{Entropy, Timestamp};

/// What was read is not an id of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected {prefix}_ and 32 hex digits")]
pub struct IdError {
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A new id. Its order is `now`'s, its 74 other bits are random.
            pub fn mint(now: Timestamp, entropy: &mut Entropy) -> Self {
                Self(uuid_v7(now, entropy))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // In one piece: who makes a text of it asks for memory once.
                let mut text = [b'_'; $prefix.len() + 1 + Simple::LENGTH];
                text[..$prefix.len()].copy_from_slice($prefix.as_bytes());
                self.0.simple().encode_lower(&mut text[$prefix.len() + 1..]);
                f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                hex_after_prefix(text, $prefix).map(Self).ok_or(IdError { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// An isolated issuer with its own keys, providers, registry, policy and audit log.
    TenantId = "ten";
    /// A human, known by a row that can be erased.
    SubjectId = "usr";
    /// A workload with an identity of its own.
    AgentId = "agt";
    /// What a token is good for: an MCP server, an A2A agent, an API.
    ResourceId = "res";
    /// What a subject or policy allowed a client to do.
    GrantId = "grt";
    /// A line of refresh tokens, each the successor of the one before.
    FamilyId = "fam";
    /// A person's signed-in browser.
    SessionId = "ses";
    /// An entry of the audit log.
    EventId = "evt";
    /// The outcome of a policy check.
    DecisionId = "dec";
    /// A key of the keyring; the `kid` of those that sign.
    KeyId = "key";
    /// An access token: its `jti`.
    TokenId = "tok";
}

/// An OAuth client's `client_id`: `cli_` and 32 hex digits where we chose it. Ids that clients choose (a metadata document's URL)
/// are compared as plain strings, so the text is kept as it came.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(String);

impl ClientId {
    pub const PREFIX: &'static str = "cli";

    pub fn mint(now: Timestamp, entropy: &mut Entropy) -> Self {
        Self(format!("{}_{}", Self::PREFIX, uuid_v7(now, entropy).simple()))
    }

    /// Whatever a peer called itself; whether such a client exists is for the registry to say.
    pub fn claimed(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn uuid_v7(now: Timestamp, entropy: &mut Entropy) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(now.millis().unsigned_abs(), &entropy.take()).into_uuid()
}

fn hex_after_prefix(text: &str, prefix: &str) -> Option<Uuid> {
    let digits = text.strip_prefix(prefix)?.strip_prefix('_')?;
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == 32 && digits.bytes().all(lower_hex)).then(|| Uuid::try_parse(digits).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entropy() -> Entropy {
        Entropy::from_bytes([7; Entropy::BYTES])
    }

    #[test]
    fn an_id_reads_back_as_itself_and_as_nothing_else() {
        let id = GrantId::mint(Timestamp::from_millis(1_764_000_000_000), &mut entropy());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().parse::<SubjectId>().is_err());
        assert!(id.to_string().to_uppercase().parse::<GrantId>().is_err());
        assert!("grt_".parse::<GrantId>().is_err());
    }

    #[test]
    fn ids_lie_in_the_order_of_their_making() {
        let mut entropy = entropy();
        let first = EventId::mint(Timestamp::from_millis(1), &mut entropy);
        let second = EventId::mint(Timestamp::from_millis(2), &mut entropy);
        assert!(first.to_string() < second.to_string());
    }

    #[test]
    fn sb_10_a_client_id_is_never_a_subject_id() {
        let client = ClientId::mint(Timestamp::from_millis(1), &mut entropy());
        assert!(client.as_str().starts_with("cli_"));
        assert!(client.as_str().parse::<SubjectId>().is_err());
    }
}

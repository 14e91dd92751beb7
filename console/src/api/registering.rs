//! Registration that is governed by hand: initial access tokens, and clients that wait.

use serde::{Deserialize, Serialize};

use super::message::SentSecret;

/// Something about who may register.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Registration {
    pub tenant: String,
    pub what: Registering,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Registering {
    /// An initial access token, good for so many clients and seconds.
    MakeToken {
        label: String,
        uses: u32,
        lasts: u64,
    },
    List,
    Approve {
        id: String,
        /// The digest of what the administrator read of it; left out, whatever it says now is approved.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        seen: Option<String>,
    },
    Deny {
        id: String,
    },
}

/// An initial access token. It is told here and nowhere else again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RegistrationToken {
    pub tenant: String,
    pub label: String,
    pub uses: u32,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    pub token: SentSecret,
}

/// Clients that wait for approval, or were refused it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Waiting {
    pub tenant: String,
    pub clients: Vec<WaitingClient>,
}

/// A client that waits, and what it says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WaitingClient {
    pub id: String,
    pub name: String,
    pub standing: String,
    /// Of all that it says of itself.
    pub digest: String,
    pub redirect_uris: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub software_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub contacts: Vec<String>,
    /// Milliseconds since 1970.
    pub registered_at: i64,
}

/// What an administrator decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Judged {
    pub tenant: String,
    pub id: String,
    pub standing: String,
}

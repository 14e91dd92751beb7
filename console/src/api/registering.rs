//! Registration that is governed by hand: initial access tokens, and clients that wait. Times are milliseconds since 1970.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// The clients that wait, or were refused.
    List,
    /// One of them, by its id, however many wait.
    Show(String),
    Approve(Approve),
    Deny(Deny),
    MakeToken(MakeToken),
    /// The initial access tokens that are still good.
    Tokens,
    EndToken(EndToken),
}

/// Lets a waiting client in, as it was read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    pub id: String,
    /// The digest of what the administrator read of it: it is let in only if it still says just that.
    pub seen: String,
}

/// Keeps a waiting client out, whatever it says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deny {
    pub id: String,
}

/// An initial access token to be made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeToken {
    /// What it is for: the log, and each client that it lets in, say so.
    pub label: String,
    /// How many clients it may register.
    pub uses: u32,
    /// Seconds.
    pub lasts: u64,
}

/// An initial access token that is to be good no longer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndToken {
    /// As the list of them shows it.
    pub id: String,
}

/// An initial access token. It is told here and nowhere else again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RegistrationToken {
    pub tenant: String,
    pub label: String,
    /// By which it can be ended.
    pub id: String,
    pub uses: u32,
    pub expires_at: i64,
    #[schema(value_type = String)]
    pub token: SentSecret,
}

/// The initial access tokens that are still good, the newest last. None of them is shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RegistrationTokens {
    pub tenant: String,
    pub tokens: Vec<RegistrationTokenItem>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RegistrationTokenItem {
    /// By which it can be ended; it registers nobody.
    pub id: String,
    pub label: String,
    pub uses_left: u32,
    pub created_at: i64,
    pub expires_at: i64,
}

/// An initial access token that was ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RegistrationTokenEnded {
    pub tenant: String,
    pub id: String,
    pub label: String,
    /// How many clients it could still have registered.
    pub uses_left: u32,
}

/// Clients that wait for approval, or were refused it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    pub tenant: String,
    pub clients: Vec<WaitingClient>,
}

/// A client that waits, and what it says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
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
    pub registered_at: i64,
}

/// What an administrator decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Judged {
    pub tenant: String,
    pub id: String,
    pub standing: String,
}

//! The token laid open. Whoever holds a JWT can read it; only who has the issuer's keys can tell whether it is true.

use chancery_crypto::digest::from_base64url;
use serde::Serialize;
use serde_json::Value;

/// Header and claims, as they stand in the token.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DecodedToken {
    pub header: Value,
    pub claims: Value,
}

impl DecodedToken {
    /// `null` where a part cannot be read: such a token is good all the same, if the server takes it.
    pub(super) fn of(token: &str) -> Self {
        let mut parts = token.split('.').map(|part| serde_json::from_slice(&from_base64url(part)?).ok());
        let mut part = || parts.next().flatten().unwrap_or(Value::Null);
        Self { header: part(), claims: part() }
    }
}

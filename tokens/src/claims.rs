//! The claims of an access token (RFC 9068 §2.2, `act` of RFC 8693 §4.1, `cnf` of RFC 7800), flat ones beside them for verifiers that read only those.

use chancery_core::{Actor, AgentId, ClientId, GrantId, Issuer, ScopeSet, Slug, TokenId};
use chancery_crypto::jose::{Algorithm, KeyError};
use serde::{Deserialize, Serialize};

/// So many bytes has a signed token at most, the whole chain of who acts included: servers on the way take headers of 8 KB, and some
/// store a token where 4 KB is the end.
pub const LARGEST_TOKEN: usize = 4095;

/// An access token of ours. The names are fixed: servers out there read them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccessToken {
    pub iss: Issuer,
    /// The subject's id; an agent's or client's where it acts as itself (AT-03).
    pub sub: String,
    /// The one resource it is good for (AT-04).
    pub aud: String,
    pub client_id: ClientId,
    pub scope: ScopeSet,
    /// Seconds since 1970, as are `iat` and `auth_time`.
    pub exp: i64,
    pub iat: i64,
    pub jti: TokenId,
    /// Who acts for the subject, the current actor outermost.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub act: Option<Actor>,
    /// What it is bound to: whoever shows it must prove to hold that key (DP-01).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cnf: Option<Confirmation>,
    /// From the sign-in, unchanged (AT-06).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acr: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub amr: Vec<String>,
    /// The tenant's name.
    pub tenant: Slug,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent: Option<AgentId>,
    /// Who answers for the agent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
    /// The subject's roles in the organisation.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub roles: Vec<String>,
    /// From the root grant down, at most five; empty for what no grant stands behind.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub grants: Vec<GrantId>,
}

/// How the holder of a token is recognised (RFC 7800 §3.1). No member that this version does not know: it would be a restriction, too.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The thumbprint of the key that signs DPoP proofs (RFC 9449 §6.1).
    pub jkt: String,
}

impl AccessToken {
    /// How many bytes it will have, signed.
    ///
    /// # Errors
    /// [`KeyError::Claims`] if it has no JSON form.
    pub fn signed_length(&self, algorithm: Algorithm) -> Result<usize, KeyError> {
        let in_base64 = |bytes: usize| (bytes * 4).div_ceil(3);
        let header = format!(r#"{{"typ":"at+jwt","alg":"{}","kid":"key_{:032}"}}"#, algorithm.as_str(), 0).len();
        let signature = match algorithm {
            Algorithm::Es256 | Algorithm::EdDsa => 64,
            Algorithm::Rs256 | Algorithm::Ps256 => 256,
        };
        let claims = serde_json::to_vec(self)?.len();
        Ok(in_base64(header) + 1 + in_base64(claims) + 1 + in_base64(signature))
    }
}

#[cfg(test)]
mod tests;

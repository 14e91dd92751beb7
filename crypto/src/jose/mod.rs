//! JWS and JWK (RFC 7515, 7517, 7518, 8037), with the rules of RFC 8725 and its successor: signing, key sets, and the one way to
//! verify a token. Explicit types keep artefacts apart: whoever verifies says which one it expects. [`dpop`] has the proofs that bring
//! their key along.

mod compact;
pub mod dpop;
mod jwk;
mod key_set;
mod signing_key;
mod strict_json;
mod verify;

#[cfg(test)]
mod tests;

pub use compact::{Unverified, peek};
pub use jwk::Jwk;
pub use key_set::KeySet;
pub use signing_key::{KeyError, SigningKey};
pub use strict_json::object as strict_object;
pub use verify::{Expected, Payload, Typ, verify};

use serde::{Deserialize, Serialize};

/// The signature algorithms there are. Symmetric ones and `none` have no name here, so nothing can ask for them (JW-01).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Algorithm {
    /// What is signed with where nobody chose.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA", alias = "Ed25519")]
    EdDsa,
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "PS256")]
    Ps256,
}

impl Algorithm {
    pub const ALL: &'static [Self] = &[Self::Es256, Self::EdDsa, Self::Rs256, Self::Ps256];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }

    /// Reads an `alg`, case and all. `Ed25519` is the fully specified name of what most still call `EdDSA` (RFC 9864; JW-07).
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            _ => None,
        }
    }
}

/// Why a token or a key set was not believed. No text of the token stands in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JoseError {
    /// It is not what a signed token in compact form looks like; the text says in which way.
    #[error("malformed token: {0}")]
    Malformed(&'static str),
    /// No key of the set bears the token's `kid`.
    #[error("the token is signed by a key that the issuer does not list")]
    UnknownKey,
    /// The `alg` is not one that is expected here, or not the one of the key.
    #[error("the token names a signature algorithm that is not allowed for its key")]
    WrongAlgorithm,
    /// The `typ` says that it is another kind of token.
    #[error("the token is of another type")]
    WrongType,
    #[error("the signature does not hold")]
    BadSignature,
    /// Signed and well-formed, but a claim is missing or not of the type it should have.
    #[error("a claim is missing or has the wrong type")]
    WrongClaims,
    /// A JWKS document could not be read.
    #[error("malformed key set")]
    KeySet,
}

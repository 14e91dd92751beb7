//! The keys of one issuer (RFC 7517 §5). Keys of two issuers never lie in one set, so a key of one cannot sign as the other (JW-06).

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Algorithm, JoseError, Jwk};

/// More keys than this are not kept: no issuer has them, and each costs memory.
const MOST_KEYS: usize = 64;

/// Public keys that can verify.
#[derive(Clone, Default)]
pub struct KeySet(Vec<VerifyingKey>);

#[derive(Clone)]
pub(super) struct VerifyingKey {
    pub jwk: Jwk,
    pub algorithm: Algorithm,
    pub decoding: DecodingKey,
}

impl KeySet {
    /// Reads a JWKS document. Keys that cannot be used here (encryption, other curves, RSA below 2048 bits (JW-08), private or
    /// symmetric ones that should never have been published) are passed over, as RFC 7517 §5 wants.
    ///
    /// # Errors
    /// [`JoseError::KeySet`] if it is not a JSON object with a list `keys`.
    pub fn from_jwks(json: &[u8]) -> Result<Self, JoseError> {
        let document: Document = serde_json::from_slice(json).map_err(|_| JoseError::KeySet)?;
        let public = document.keys.into_iter().filter(|key| !key.as_object().is_some_and(is_private));
        Ok(Self::from_keys(public.filter_map(|key| serde_json::from_value(key).ok())))
    }

    /// A set of these keys, without those that cannot be used.
    pub fn from_keys(keys: impl IntoIterator<Item = Jwk>) -> Self {
        Self(keys.into_iter().filter_map(VerifyingKey::of).take(MOST_KEYS).collect())
    }

    pub fn contains(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.jwk.kid() == Some(kid))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JWKS document: public members only (MD-06).
    pub fn to_json(&self) -> Value {
        json!({ "keys": self.0.iter().map(|key| &key.jwk).collect::<Vec<_>>() })
    }

    /// The key for this header. A token without `kid` is tried only against a set of one key, so that there is nothing to guess.
    pub(super) fn choose(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&VerifyingKey, JoseError> {
        let candidates: Vec<&VerifyingKey> = match kid {
            Some(kid) => self.0.iter().filter(|key| key.jwk.kid() == Some(kid)).collect(),
            None if self.0.len() == 1 => self.0.iter().collect(),
            None => Vec::new(),
        };
        let of_the_algorithm = candidates.iter().find(|key| key.algorithm == algorithm); // JW-01: the key says, not the token
        match of_the_algorithm {
            Some(key) => Ok(key),
            None if candidates.is_empty() => Err(JoseError::UnknownKey),
            None => Err(JoseError::WrongAlgorithm),
        }
    }
}

impl VerifyingKey {
    fn of(jwk: Jwk) -> Option<Self> {
        Some(Self { algorithm: jwk.algorithm()?, decoding: jwk.decoding_key()?, jwk })
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// Whether it has a member that should never have left its owner.
pub(super) fn is_private(key: &Map<String, Value>) -> bool {
    PRIVATE.iter().any(|member| key.contains_key(*member))
}

/// Members that only a private or symmetric key has.
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

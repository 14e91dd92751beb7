//! The signer: the one value that can make a token of ours. The issuer gets it, nobody else.

use chancery_core::{Secret, TenantId, Timestamp};
use chancery_crypto::jose::{Algorithm, KeyError};
use serde::Serialize;

use crate::{AccessToken, Keyring, LONGEST_TOKEN_LIFE};

/// `typ` of RFC 9068 §2.1.
const ACCESS_TOKEN: &str = "at+jwt";
const ID_TOKEN: &str = "JWT";
/// OpenID Connect Back-Channel Logout §2.4.
const LOGOUT_TOKEN: &str = "logout+jwt";

/// ID tokens are read by clients, which all know this one.
const ID_TOKEN_ALGORITHM: Algorithm = Algorithm::Es256;

#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("tenant {0} has no {algorithm} key that is in use now", algorithm = .1.as_str())]
    NoKey(TenantId, Algorithm),
    #[error("an access token lives for {longest} s at most; {0} s were asked for", longest = LONGEST_TOKEN_LIFE.as_secs())]
    TooLong(i64),
    #[error("the token could not be signed: {0}")]
    Key(#[from] KeyError),
}

/// Signs with whatever key the keyring says is in use.
#[derive(Clone)]
pub struct Signer {
    keyring: Keyring,
}

impl Signer {
    pub(crate) const fn new(keyring: Keyring) -> Self {
        Self { keyring }
    }

    /// Signs an access token with the key that is in use at its `iat`.
    pub fn access_token(&self, tenant: &TenantId, algorithm: Algorithm, claims: &AccessToken) -> Result<Secret<String>, SignError> {
        let life = claims.exp.saturating_sub(claims.iat);
        if life > LONGEST_TOKEN_LIFE.as_secs().cast_signed() {
            return Err(SignError::TooLong(life)); // JW-06
        }
        self.sign((tenant, algorithm), ACCESS_TOKEN, claims, claims.iat)
    }

    /// Signs an ID token (OpenID Connect Core §2) with the key that is in use now.
    pub fn id_token(&self, tenant: &TenantId, claims: &impl Serialize, now: Timestamp) -> Result<Secret<String>, SignError> {
        self.sign((tenant, ID_TOKEN_ALGORITHM), ID_TOKEN, claims, now.seconds())
    }

    /// Signs a logout token (OpenID Connect Back-Channel Logout §2.4), by the algorithm of ID tokens.
    pub fn logout_token(&self, tenant: &TenantId, claims: &impl Serialize, now: Timestamp) -> Result<Secret<String>, SignError> {
        self.sign((tenant, ID_TOKEN_ALGORITHM), LOGOUT_TOKEN, claims, now.seconds())
    }

    /// Whether this key, which signed something, is still the tenant's.
    pub fn has(&self, tenant: &TenantId, kid: &str) -> bool {
        self.keyring.tenant(tenant).is_some_and(|keys| keys.has(kid))
    }

    /// Whether a token of this algorithm could be signed now. What is recorded first, and could not be signed then, was never made.
    pub fn can(&self, tenant: &TenantId, algorithm: Algorithm, now: Timestamp) -> Result<(), SignError> {
        let keys = self.keyring.tenant(tenant);
        let key = keys.as_ref().and_then(|keys| keys.signing_at(algorithm, now.seconds()));
        key.map(drop).ok_or(SignError::NoKey(*tenant, algorithm))
    }

    fn sign(
        &self,
        (tenant, algorithm): (&TenantId, Algorithm),
        typ: &'static str,
        claims: &impl Serialize,
        at_second: i64,
    ) -> Result<Secret<String>, SignError> {
        let keys = self.keyring.tenant(tenant).ok_or(SignError::NoKey(*tenant, algorithm))?;
        let key = keys.signing_at(algorithm, at_second).ok_or(SignError::NoKey(*tenant, algorithm))?;
        Ok(Secret::new(key.sign(typ, claims)?))
    }
}

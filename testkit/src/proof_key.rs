//! A client's key for DPoP proofs (RFC 9449), and proofs by it that say whatever a test wants.

use std::sync::atomic::{AtomicU64, Ordering};

use chancery_core::Timestamp;
use chancery_crypto::jose::{Algorithm, Jwk};
use serde_json::{Value, json};

use crate::{Forge, Site};

pub struct ProofKey {
    forge: Forge,
    algorithm: Algorithm,
    made: AtomicU64,
}

impl ProofKey {
    /// A new ES256 key.
    pub fn generate() -> Self {
        Self::by(Algorithm::Es256)
    }

    /// A new key of this algorithm.
    pub fn by(algorithm: Algorithm) -> Self {
        Self { forge: Forge::of_algorithm(algorithm, "proof"), algorithm, made: AtomicU64::new(0) }
    }

    /// The public key.
    pub fn jwk(&self) -> Value {
        self.forge.jwk()
    }

    /// Its thumbprint, as `cnf.jkt` has it.
    ///
    /// # Panics
    /// Never: the key is a public one.
    pub fn jkt(&self) -> String {
        let jwk: Jwk = serde_json::from_value(self.jwk()).expect("a public key");
        jwk.thumbprint().expect("each of them has one")
    }

    /// A proof for a request made at this time, to an authorization server.
    pub fn proof(&self, method: &str, url: &str, at: Timestamp) -> String {
        self.signed(&self.header(), &self.claims(method, url, at))
    }

    /// A proof for a request to this site's token endpoint, made now.
    pub fn asking(&self, site: &Site) -> String {
        self.proof("POST", &site.endpoint("token"), site.now())
    }

    /// A proof for a request that takes this token along, to a resource.
    pub fn proof_with(&self, token: &str, (method, url): (&str, &str), at: Timestamp) -> String {
        let mut claims = self.claims(method, url, at);
        claims["ath"] = json!(chancery_crypto::digest::base64url(&chancery_crypto::digest::sha256(token.as_bytes())));
        self.signed(&self.header(), &claims)
    }

    pub fn header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": self.algorithm.as_str(), "jwk": self.jwk() })
    }

    /// Each time with a `jti` of its own.
    pub fn claims(&self, method: &str, url: &str, at: Timestamp) -> Value {
        let jti = format!("proof-{}", self.made.fetch_add(1, Ordering::Relaxed));
        json!({ "jti": jti, "htm": method, "htu": url, "iat": at.seconds() })
    }

    /// Signed by the key's own algorithm, whatever they say.
    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        self.forge.signed(&header.to_string(), &claims.to_string())
    }
}

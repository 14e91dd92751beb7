//! Tokens that nobody outside could make: signed by a site's own key, or by a stranger's under its name, and saying whatever a test wants.
//! So a test shows that the check it names refuses, and not that the signature was wrong anyway.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_crypto::jose::{Algorithm, SigningKey};
use chancery_crypto::seal::{Place, Sealer};
use chancery_store::Store;
use chancery_store::repo::keys::{self, KeyPurpose};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

/// A key and its id.
pub struct Forge {
    pub kid: String,
    key: SigningKey,
}

impl Forge {
    /// With the ES256 key that the site of this store signs with.
    pub(crate) async fn of(store: &Store, sealer: &Sealer) -> Self {
        let rows = keys::all(store).await.expect("the store answers");
        let row = rows
            .into_iter()
            .find(|row| row.purpose == KeyPurpose::Sign && row.algorithm == "ES256")
            .expect("a tenant has a key that signs");
        let kid = row.id.to_string();
        let place = Place { tenant: &row.tenant, table: "keys", row: &kid, version: 1 };
        let pkcs8 = sealer.open(&place, &row.sealed).await.expect("the site's own seal");
        let key = SigningKey::from_pkcs8(Algorithm::Es256, kid.clone(), &pkcs8).expect("the site's own key");
        Self { kid, key }
    }

    /// With a key that no site knows, under this id.
    ///
    /// # Panics
    /// When there is no randomness.
    pub fn stranger(kid: &str) -> Self {
        Self::of_algorithm(Algorithm::Es256, kid)
    }

    pub(crate) fn of_algorithm(algorithm: Algorithm, kid: &str) -> Self {
        Self { kid: kid.to_owned(), key: SigningKey::generate(algorithm, kid.to_owned()).expect("a new key") }
    }

    /// The public key.
    ///
    /// # Panics
    /// When it has no JSON form.
    pub fn jwk(&self) -> Value {
        serde_json::to_value(self.key.jwk()).expect("a public key has a JSON form")
    }

    /// The header of an access token.
    pub fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": "ES256", "kid": self.kid })
    }

    /// An access token, but for its claims.
    pub fn token(&self, claims: &Value) -> String {
        self.signed(&self.header().to_string(), &claims.to_string())
    }

    /// These texts, signed by the key's own algorithm whatever they say.
    ///
    /// # Panics
    /// When the crypto library does not sign.
    pub fn signed(&self, header: &str, payload: &str) -> String {
        let pkcs8 = self.key.to_pkcs8();
        let (key, algorithm) = match self.key.algorithm() {
            Algorithm::Es256 => (EncodingKey::from_ec_der(pkcs8.expose()), jsonwebtoken::Algorithm::ES256),
            Algorithm::EdDsa => (EncodingKey::from_ed_der(pkcs8.expose()), jsonwebtoken::Algorithm::EdDSA),
            Algorithm::Rs256 => (EncodingKey::from_rsa_der(pkcs1(pkcs8.expose())), jsonwebtoken::Algorithm::RS256),
            Algorithm::Ps256 => (EncodingKey::from_rsa_der(pkcs1(pkcs8.expose())), jsonwebtoken::Algorithm::PS256),
        };
        sealed_by(header, payload, &key, algorithm)
    }

    /// The same with a MAC whose key is the public key, as it lies in a file that everybody may read.
    ///
    /// # Panics
    /// When the crypto library does not sign.
    pub fn maced_with_public_key(&self, header: &str, payload: &str) -> String {
        let public = self.jwk().to_string();
        sealed_by(header, payload, &EncodingKey::from_secret(public.as_bytes()), jsonwebtoken::Algorithm::HS256)
    }
}

/// The PKCS#1 key inside PKCS#8: what follows the fixed 26 bytes of a 2048 bit key's envelope.
fn pkcs1(pkcs8: &[u8]) -> &[u8] {
    &pkcs8[26..]
}

fn sealed_by(header: &str, payload: &str, key: &EncodingKey, algorithm: jsonwebtoken::Algorithm) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("a signature");
    format!("{message}.{signature}")
}

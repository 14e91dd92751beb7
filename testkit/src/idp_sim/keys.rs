//! The keys of a simulated provider, and what may be wrong with them (X1). Every process makes its RSA keys once: that takes a while.

use std::sync::LazyLock;

use chancery_crypto::digest::base64url;
use chancery_crypto::jose::{Algorithm, SigningKey};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

static POOL: LazyLock<[SigningKey; 3]> =
    LazyLock::new(|| ["one", "two", "three"].map(|kid| SigningKey::generate(Algorithm::Rs256, kid.to_owned()).expect("a new key")));

/// How tokens are signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Signed {
    #[default]
    Well,
    /// By a key that is not published.
    ByUnknownKey,
    /// Not at all: `alg` is `none`.
    ByNobody,
    /// By HS256, with the published key as the secret.
    ByPublicKey,
}

#[derive(Default)]
pub struct Keys {
    /// How often they were rotated.
    rotations: usize,
    pub signed: Signed,
    /// Members that are no keys, or of no use, are published beside.
    pub litter: bool,
    /// The published keys say that they are this issuer's.
    pub issuer: Option<String>,
    /// The published key says that it is for another algorithm.
    pub mislabelled: bool,
}

impl Keys {
    /// The next key signs from now on; the one before stays published.
    pub fn rotate(&mut self) {
        self.rotations += 1;
    }

    fn at(rotation: usize) -> &'static SigningKey {
        &POOL[rotation % 2]
    }

    fn current(&self) -> &'static SigningKey {
        Self::at(self.rotations)
    }

    pub fn published(&self) -> Value {
        let jwk = |key: &SigningKey| serde_json::to_value(key.jwk()).expect("a public key has a JSON form");
        let mut keys = vec![jwk(self.current())];
        if self.rotations > 0 {
            keys.push(jwk(Self::at(self.rotations - 1)));
        }
        for (key, issuer) in keys.iter_mut().zip(self.issuer.iter().cycle()) {
            key["issuer"] = json!(issuer);
        }
        if self.mislabelled {
            keys[0]["alg"] = json!("PS256");
        }
        if self.litter {
            keys.insert(0, json!({ "kty": "RSA", "use": "enc", "kid": "for-encryption", "n": "AQAB", "e": "AQAB" }));
            keys.insert(0, json!({ "kty": "PQC-42", "kid": "from-the-future" }));
            keys.insert(0, json!({ "kty": "RSA", "kid": "torn", "n": "???" }));
        }
        json!({ "keys": keys })
    }

    pub fn sign(&self, typ: &'static str, claims: &Value) -> String {
        let sign = |key: &SigningKey| key.sign(typ, claims).expect("a signature");
        match self.signed {
            Signed::Well => sign(self.current()),
            Signed::ByUnknownKey => sign(&POOL[2]),
            Signed::ByNobody => format!("{}.{}.", encoded(&json!({ "typ": typ, "alg": "none" })), encoded(claims)),
            Signed::ByPublicKey => self.maced(typ, claims),
        }
    }

    fn maced(&self, typ: &str, claims: &Value) -> String {
        let header = json!({ "typ": typ, "alg": "HS256", "kid": self.current().kid() });
        let message = format!("{}.{}", encoded(&header), encoded(claims));
        let secret = serde_json::to_string(&self.current().jwk()).expect("a public key has a JSON form");
        let key = EncodingKey::from_secret(secret.as_bytes());
        let mac = jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).expect("a MAC");
        format!("{message}.{mac}")
    }
}

fn encoded(json: &Value) -> String {
    base64url(json.to_string().as_bytes())
}

//! ES256, straight on the library.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
    header: String,
}

impl Signer {
    pub fn new() -> Self {
        let header = URL_SAFE_NO_PAD.encode(br#"{"typ":"at+jwt","alg":"ES256","kid":"key_01a2052a3b4c7d8e9fa0b1c2d3e4f506"}"#);
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { key, random: SystemRandom::new(), header }
    }

    pub fn sign(&self, claims: &str) -> String {
        let mut token = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(&self.random, token.as_bytes()).expect("it signs");
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }
}

/// As long as what Chancery issues.
pub fn claims(audience: &str, id: &str, now: u64) -> String {
    format!(
        r#"{{"iss":"http://127.0.0.1:20000/t/bench","sub":"cli_01a2052a3b4c7d8e9fa0b1c2d3e4f506","aud":"{audience}","client_id":"cli_01a2052a3b4c7d8e9fa0b1c2d3e4f506","scope":"bank:read bank:transfer","exp":{},"iat":{now},"jti":"{id}","tenant":"bench","roles":[],"grants":[]}}"#,
        now + 300
    )
}

pub struct Verifier {
    key: UnparsedPublicKey<Vec<u8>>,
}

impl Verifier {
    /// By an uncompressed point, in base64url.
    pub fn new(point: &str) -> Self {
        let point = URL_SAFE_NO_PAD.decode(point).expect("a point");
        Self { key: UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point) }
    }

    /// When it ends, where it is sound and for this audience.
    pub fn verify(&self, token: &str, audience: &str) -> Option<u64> {
        let (signed, signature) = token.rsplit_once('.')?;
        self.key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.')?.1).ok()?;
        let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
        (claims["aud"] == audience).then(|| claims["exp"].as_u64())?
    }
}

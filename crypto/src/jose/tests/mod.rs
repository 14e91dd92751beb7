//! What a token must be to be believed: vectors others computed, every JW row, and our signing against the library's.

mod against_the_library;
mod rows;
mod vectors;

use chancery_core::Secret;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::{Algorithm, Expected, JoseError, KeySet, Payload, SigningKey, Typ, verify};
use crate::digest::{base64url, from_base64url};

/// K1 of the vectors: the Ed25519 key of RFC 8037, appendix A.
fn k1() -> SigningKey {
    let seed = from_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").expect("base64url");
    SigningKey::from_pkcs8(Algorithm::EdDsa, K1.into(), &Secret::new([ED25519_PKCS8, &seed].concat())).expect("a private key")
}

const K1: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
const ED25519_PKCS8: &[u8] = &[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

fn fresh(algorithm: Algorithm, kid: &str) -> SigningKey {
    SigningKey::generate(algorithm, kid.into()).expect("a key")
}

fn set(keys: &[&SigningKey]) -> KeySet {
    KeySet::from_keys(keys.iter().map(|key| key.jwk()))
}

/// Verifies, expecting any algorithm there is.
fn read(token: &str, keys: &KeySet, typ: Typ) -> Result<Payload, JoseError> {
    verify(token, keys, &Expected { typ, algorithms: Algorithm::ALL })
}

/// A token with whatever header and payload, signed by this key as `algorithm` says.
fn craft(key: &SigningKey, algorithm: jsonwebtoken::Algorithm, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &encoding_key(key), algorithm).expect("a signature");
    format!("{message}.{signature}")
}

/// An ID token of K1, but for what stands in its header besides.
fn crafted(header: Value) -> String {
    let mut all = json!({ "alg": "EdDSA", "kid": K1 });
    all.as_object_mut().expect("an object").append(&mut header.as_object().expect("an object").clone());
    craft(&k1(), jsonwebtoken::Algorithm::EdDSA, &all.to_string(), "{}")
}

fn encoding_key(key: &SigningKey) -> EncodingKey {
    let pkcs8 = key.to_pkcs8();
    match key.algorithm() {
        Algorithm::Es256 => EncodingKey::from_ec_der(pkcs8.expose()),
        Algorithm::EdDsa => EncodingKey::from_ed_der(pkcs8.expose()),
        Algorithm::Rs256 | Algorithm::Ps256 => EncodingKey::from_rsa_der(rsa_private_key(pkcs8.expose())),
    }
}

/// The PKCS#1 key inside PKCS#8: what follows the fixed 26 bytes of a 2048 bit key's envelope.
fn rsa_private_key(pkcs8: &[u8]) -> &[u8] {
    &pkcs8[26..]
}

fn trouble(outcome: Result<Payload, JoseError>) -> Option<JoseError> {
    outcome.err()
}

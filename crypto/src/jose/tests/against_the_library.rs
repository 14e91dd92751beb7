//! Our signing is our own; the library's decoding is the other opinion. And the other way round.

use std::collections::BTreeMap;

use jsonwebtoken::{DecodingKey, Header, Validation};
use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

use super::*;

fn library(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    algorithm.as_str().parse().expect("a name the library knows")
}

#[test]
fn the_library_reads_what_we_sign() {
    for algorithm in Algorithm::ALL {
        let key = fresh(*algorithm, "k");
        let token = key.sign("at+jwt", &json!({ "sub": "usr_1", "exp": 4_000_000_000_u64 })).expect("a token");

        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(json!(key.jwk())).expect("a JWK to the library");
        let decoding = DecodingKey::from_jwk(&jwk).expect("a key");
        let read = jsonwebtoken::decode::<Value>(&token, &decoding, &Validation::new(library(*algorithm))).expect("a token");
        assert_eq!((read.header.typ.as_deref(), read.header.kid.as_deref()), (Some("at+jwt"), Some("k")));
        assert_eq!(read.claims["sub"], "usr_1");
    }
}

#[test]
fn we_read_what_the_library_signs() {
    for algorithm in Algorithm::ALL {
        let key = fresh(*algorithm, "k");
        let header = Header { kid: Some("k".into()), ..Header::new(library(*algorithm)) };
        let token = jsonwebtoken::encode(&header, &json!({ "sub": "usr_1" }), &encoding_key(&key)).expect("a token");

        let claims: Value = read(&token, &set(&[&key]), Typ::IdToken).expect("a token").claims().expect("claims");
        assert_eq!(claims["sub"], "usr_1");
    }
}

#[test]
fn a_key_comes_back_from_its_bytes() {
    for algorithm in Algorithm::ALL {
        let key = fresh(*algorithm, "k");
        let again = SigningKey::from_pkcs8(*algorithm, "k".into(), &key.to_pkcs8()).expect("a key");
        assert_eq!(again.jwk(), key.jwk());
        let other = if *algorithm == Algorithm::Es256 { Algorithm::EdDsa } else { Algorithm::Es256 };
        assert!(SigningKey::from_pkcs8(other, "k".into(), &key.to_pkcs8()).is_err());
    }
}

/// A key keeps four headers; a fifth type is encoded each time and is no less right.
#[test]
fn every_type_gets_its_own_header() {
    let key = k1();
    for typ in ["a", "b", "c", "d", "e", "f", "a", "e"] {
        let token = key.sign(typ, &json!({})).expect("a token");
        assert!(read(&token, &set(&[&key]), Typ::Exact(typ)).is_ok(), "{typ}");
    }
}

proptest! {
    #[test]
    fn claims_come_back_as_they_went(claims in prop::collection::btree_map(".{0,8}", ".{0,40}", 0..8)) {
        let key = k1();
        let token = key.sign("at+jwt", &claims).expect("a token");
        let back: BTreeMap<String, String> = read(&token, &set(&[&key]), Typ::AccessToken).expect("a token").claims().expect("claims");
        prop_assert_eq!(back, claims);
    }

    #[test]
    fn no_other_text_is_the_same_token(at in 0usize..200, with in "[A-Za-z0-9_.-]") {
        let key = k1();
        let token = key.sign("at+jwt", &json!({ "sub": "usr_1" })).expect("a token");
        let at = at % token.len();
        let changed = format!("{}{with}{}", &token[..at], &token[at + 1..]);
        prop_assert_eq!(read(&changed, &set(&[&key]), Typ::AccessToken).is_ok(), changed == token);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}") {
        prop_assert!(read(&text, &set(&[&k1()]), Typ::AccessToken).is_err());
        let _ = crate::jose::peek(&text);
    }
}

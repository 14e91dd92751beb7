//! The rows of RFC 8725 and its successor, as far as a signature's room can keep them.

use jsonwebtoken::Algorithm as Library;

use super::*;
use crate::jose::peek;

#[test]
fn jw_01_the_algorithm_is_the_keys_and_the_callers_to_choose() {
    let (p256, rsa) = (fresh(Algorithm::Es256, "p256"), fresh(Algorithm::Rs256, "rsa"));
    let keys = set(&[&p256, &rsa, &k1()]);
    for (alg, kid) in [
        ("none", "p256"),
        ("None", "p256"),
        ("", "p256"),
        ("es256", "p256"),
        ("HS256", "p256"),
        ("HS256", "rsa"),
        ("ES384", "p256"),
        ("RS256", "p256"),
        ("EdDSA", "p256"),
        ("PS256", "rsa"),
        ("RS384", "rsa"),
        ("ES256", K1),
    ] {
        let header = json!({ "alg": alg, "kid": kid }).to_string();
        let token = craft(&p256, Library::ES256, &header, "{}");
        assert_eq!(trouble(read(&token, &keys, Typ::IdToken)), Some(JoseError::WrongAlgorithm), "{alg} with {kid}");
    }
    let token = p256.sign("JWT", &json!({})).expect("a token");
    let only_rsa = Expected { typ: Typ::IdToken, algorithms: &[Algorithm::Rs256] };
    assert_eq!(trouble(verify(&token, &keys, &only_rsa)), Some(JoseError::WrongAlgorithm));
    assert!(read(&token, &keys, Typ::IdToken).is_ok());
}

/// The classic: the public key, which everybody has, as an HMAC secret.
#[test]
fn jw_01_a_public_key_is_no_secret() {
    let key = fresh(Algorithm::Es256, "k");
    let message = format!("{}.{}", base64url(br#"{"alg":"HS256","kid":"k"}"#), base64url(b"{}"));
    let public = serde_json::to_vec(&key.jwk()).expect("JSON");
    let tag = jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(&public), Library::HS256).expect("a tag");
    assert_eq!(trouble(read(&format!("{message}.{tag}"), &set(&[&key]), Typ::IdToken)), Some(JoseError::WrongAlgorithm));
}

#[test]
fn jw_01_an_es256_signature_is_64_bytes_and_not_zero() {
    let key = fresh(Algorithm::Es256, "k");
    let token = key.sign("JWT", &json!({})).expect("a token");
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let signature = from_base64url(signature).expect("base64url");
    assert_eq!(signature.len(), 64);

    let (r, s) = signature.split_at(32);
    let der = [&[0x30, 68, 2, 32][..], r, &[2, 32], s].concat();
    let zero = [0; 32];
    for bad in
        [vec![0; 64], [r, &zero].concat(), [&zero, s].concat(), signature[..63].to_vec(), [&signature[..], &[0]].concat(), der, vec![0]]
    {
        let token = format!("{signed}.{}", base64url(&bad));
        assert_eq!(trouble(read(&token, &set(&[&key]), Typ::IdToken)), Some(JoseError::BadSignature), "{bad:?}");
    }
}

/// Every type of the token-type table, at every verifier there is.
#[test]
fn jw_02_each_type_is_believed_by_its_own_verifier_alone() {
    const TYPES: &[Option<&str>] = &[
        None,
        Some("JWT"),
        Some("JOSE"),
        Some(""),
        Some("at+jwt"),
        Some("application/at+jwt"),
        Some("client-authentication+jwt"),
        Some("oauth-id-jag+jwt"),
        Some("txntoken+jwt"),
        Some("dpop+jwt"),
        Some("oauth-client-attestation+jwt"),
        Some("oauth-client-attestation-pop+jwt"),
        Some("wit+jwt"),
        Some("wpt+jwt"),
        Some("logout+jwt"),
        Some("secevent+jwt"),
        Some("statuslist+jwt"),
        Some("token-introspection+jwt"),
        Some("oauth-authz-req+jwt"),
        Some("xapplication/at+jwt"),
        Some("application/application/at+jwt"),
    ];
    let verifiers: [(Typ, &[Option<&str>]); 3] = [
        (Typ::AccessToken, &[Some("at+jwt"), Some("application/at+jwt")]),
        (Typ::IdToken, &[None, Some("JWT")]),
        (Typ::Exact("dpop+jwt"), &[Some("dpop+jwt")]),
    ];
    for typ in TYPES {
        let token = crafted(typ.map_or(json!({}), |typ| json!({ "typ": typ })));
        for (expected, believed) in verifiers {
            let outcome = trouble(read(&token, &set(&[&k1()]), expected));
            let wanted = if believed.contains(typ) { None } else { Some(JoseError::WrongType) };
            assert_eq!(outcome, wanted, "{typ:?} as {expected:?}");
        }
    }
}

#[test]
fn jw_02_extensions_are_refused() {
    for header in [
        json!({ "crit": ["exp"], "exp": 1 }),
        json!({ "crit": [] }),
        json!({ "crit": null }),
        json!({ "b64": false }),
        json!({ "b64": true }),
    ] {
        assert!(matches!(trouble(read(&crafted(header.clone()), &set(&[&k1()]), Typ::IdToken)), Some(JoseError::Malformed(_))), "{header}");
    }
}

#[test]
fn jw_02_doubled_members_and_trailing_data_are_refused() {
    let header = format!(r#"{{"alg":"EdDSA","kid":"{K1}"}}"#);
    let doubled_header = format!(r#"{{"alg":"EdDSA","kid":"{K1}","x":1,"x":2}}"#);
    let doubled_alg = format!(r#"{{"alg":"none","alg":"EdDSA","kid":"{K1}"}}"#);
    for (header, payload) in [
        (header.as_str(), r#"{"sub":"a","sub":"b"}"#),
        (&header, r#"{"act":{"sub":"a","sub":"b"}}"#),
        (&header, r#"{"sub":"a","\u0073ub":"b"}"#),
        (&header, r#"{"sub":"a"}{}"#),
        (&header, r#"{"sub":"a"} x"#),
        (&header, r#"["sub"]"#),
        (&header, ""),
        (&doubled_header, "{}"),
        (&doubled_alg, "{}"),
        (&format!("{header} {{}}"), "{}"),
    ] {
        let token = craft(&k1(), Library::EdDSA, header, payload);
        assert!(matches!(trouble(read(&token, &set(&[&k1()]), Typ::IdToken)), Some(JoseError::Malformed(_))), "{header} {payload}");
    }
    let token = crafted(json!({}));
    for bent in
        [format!("{token}."), format!("{token}.x"), format!(".{token}"), format!("{token} "), format!("{token}="), format!("{token}\n")]
    {
        assert!(read(&bent, &set(&[&k1()]), Typ::IdToken).is_err(), "{bent:?}");
    }
}

#[test]
fn jw_03_a_token_brings_no_trust_of_its_own() {
    let (ours, theirs) = (fresh(Algorithm::Es256, "ours"), fresh(Algorithm::Es256, "theirs"));
    let brought = [
        json!({ "jwk": theirs.jwk() }),
        json!({ "jku": "https://attacker.example/jwks" }),
        json!({ "x5u": "https://attacker.example/chain.pem" }),
        json!({ "x5c": ["MIIB"] }),
    ];
    for extra in brought {
        for (kid, wanted) in [("ours", JoseError::BadSignature), ("theirs", JoseError::UnknownKey)] {
            let mut header = json!({ "alg": "ES256", "kid": kid });
            header.as_object_mut().expect("an object").append(&mut extra.as_object().expect("an object").clone());
            let token = craft(&theirs, Library::ES256, &header.to_string(), "{}");
            assert_eq!(trouble(read(&token, &set(&[&ours]), Typ::IdToken)), Some(wanted), "{header}");
        }
    }
}

#[test]
fn jw_04_a_kid_is_opaque_and_short() {
    for kid in ["../../etc/passwd", "' OR 1=1 --", "https://attacker.example/k", "*)(uid=*", "\u{0}", "", &"k".repeat(128)] {
        let token = crafted(json!({ "kid": kid }));
        assert_eq!(trouble(read(&token, &set(&[&k1()]), Typ::IdToken)), Some(JoseError::UnknownKey), "{kid}");
    }
    let long = crafted(json!({ "kid": "k".repeat(129) }));
    assert!(matches!(trouble(read(&long, &set(&[&k1()]), Typ::IdToken)), Some(JoseError::Malformed(why)) if why.contains("kid")));
    assert!(read(&crafted(json!({ "kid": 7 })), &set(&[&k1()]), Typ::IdToken).is_err());
}

#[test]
fn jw_04_without_a_kid_there_must_be_nothing_to_guess() {
    let key = k1();
    let token = craft(&key, Library::EdDSA, r#"{"alg":"EdDSA"}"#, "{}");
    assert!(read(&token, &set(&[&key]), Typ::IdToken).is_ok());
    let two = set(&[&key, &fresh(Algorithm::EdDsa, "other")]);
    assert_eq!(trouble(read(&token, &two, Typ::IdToken)), Some(JoseError::UnknownKey));
    assert_eq!(trouble(read(&token, &KeySet::default(), Typ::IdToken)), Some(JoseError::UnknownKey));
}

#[test]
fn jw_05_nothing_encrypted_or_compressed_is_read() {
    let five = format!("{}.a.b.c.d", base64url(br#"{"alg":"RSA1_5","enc":"A128GCM"}"#));
    let compressed = crafted(json!({ "zip": "DEF" }));
    let polyglot = crafted(json!({ "enc": "A128GCM", "p2c": 2_000_000_000 }));
    for token in [&five, &compressed, &polyglot] {
        assert!(matches!(trouble(read(token, &set(&[&k1()]), Typ::IdToken)), Some(JoseError::Malformed(_))), "{token}");
        assert!(peek(token).is_err());
    }
}

#[test]
fn jw_05_a_point_off_the_curve_is_no_key() {
    let mut jwk = json!(fresh(Algorithm::Es256, "k").jwk());
    jwk["y"] = json!(base64url(&[7; 32]));
    assert!(KeySet::from_jwks(json!({ "keys": [jwk] }).to_string().as_bytes()).expect("a key set").is_empty());
}

/// Issuer A's key, under the very `kid` of issuer B's.
#[test]
fn jw_06_a_key_of_one_issuer_cannot_sign_as_another() {
    let (a, b) = (fresh(Algorithm::Es256, "1"), fresh(Algorithm::Es256, "1"));
    let forged = a.sign("at+jwt", &json!({ "iss": "b" })).expect("a token");
    assert_eq!(trouble(read(&forged, &set(&[&b]), Typ::AccessToken)), Some(JoseError::BadSignature));
}

#[test]
fn jw_06_dates_are_numbers_and_exp_is_required() {
    #[derive(serde::Deserialize, Debug)]
    struct Claims {
        #[expect(dead_code, reason = "it is the type that matters")]
        exp: i64,
    }
    for claims in [json!({}), json!({ "exp": "4000000000" }), json!({ "exp": null }), json!({ "exp": [4] }), json!({ "exp": 1e30 })] {
        let token = k1().sign("at+jwt", &claims).expect("a token");
        let payload = read(&token, &set(&[&k1()]), Typ::AccessToken).expect("a signature that holds");
        assert_eq!(payload.claims::<Claims>().err(), Some(JoseError::WrongClaims), "{claims}");
    }
}

#[test]
fn jw_07_both_names_of_ed25519_are_read_and_long_tokens_are_not() {
    for alg in ["EdDSA", "Ed25519"] {
        assert!(read(&crafted(json!({ "alg": alg })), &set(&[&k1()]), Typ::IdToken).is_ok(), "{alg}");
    }
    let fits = k1().sign("JWT", &json!({ "x": "x".repeat(12_000) })).expect("a token");
    assert!(read(&fits, &set(&[&k1()]), Typ::IdToken).is_ok());
    let long = k1().sign("JWT", &json!({ "x": "x".repeat(12_300) })).expect("a token");
    assert!(matches!(trouble(read(&long, &set(&[&k1()]), Typ::IdToken)), Some(JoseError::Malformed(why)) if why.contains("16 KB")));
}

#[test]
fn jw_08_an_rsa_key_has_at_least_2048_bits() {
    let modulus = |bits: usize| {
        let mut number = vec![0xff; bits.div_ceil(8)];
        number[0] >>= (8 - bits % 8) % 8;
        base64url(&number)
    };
    for (bits, usable) in [(512, false), (1024, false), (2040, false), (2047, false), (2048, true), (8192, true), (8200, false)] {
        let jwks = json!({ "keys": [{ "kty": "RSA", "kid": "k", "n": modulus(bits), "e": "AQAB" }] });
        assert_eq!(KeySet::from_jwks(jwks.to_string().as_bytes()).expect("a key set").contains("k"), usable, "{bits}");
    }
}

#[test]
fn a_key_set_keeps_what_can_be_used_and_passes_over_the_rest() {
    let good = json!(fresh(Algorithm::Es256, "good").jwk());
    let with = |member: &str, value: Value| {
        let mut key = good.clone();
        key[member] = value;
        key
    };
    let jwks = json!({ "keys": [
        with("use", json!("enc")), with("crv", json!("P-384")), with("alg", json!("ES384")), with("alg", json!("HS256")), with("kty", json!("oct")),
        with("d", json!("AAAA")), with("x", json!("AAAA")), with("kid", json!(7)), json!({ "kty": "oct", "k": "AAAA" }), json!("key"),
    ]});
    assert!(KeySet::from_jwks(jwks.to_string().as_bytes()).expect("a key set").is_empty());

    let jwks = json!({ "keys": [json!({}), with("key_ops", json!(["verify"])), with("x5t", json!("AAAA"))], "more": 1 });
    assert!(KeySet::from_jwks(jwks.to_string().as_bytes()).expect("a key set").contains("good"));
    let many: Vec<Value> = (0..100).map(|n| with("kid", json!(n.to_string()))).collect();
    let kept = KeySet::from_jwks(json!({ "keys": many }).to_string().as_bytes()).expect("a key set");
    assert!(kept.contains("63") && !kept.contains("64"), "each key costs memory, and nobody has so many");
    for bad in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
        assert_eq!(KeySet::from_jwks(bad.as_bytes()).err(), Some(JoseError::KeySet), "{bad}");
    }
}

#[test]
fn a_peek_reads_the_issuer_and_believes_nothing() {
    let token = k1().sign("at+jwt", &json!({ "iss": "https://as.example/t/acme", "sub": "usr_1" })).expect("a token");
    let said = peek(&token).expect("a token");
    assert_eq!(said.issuer.as_deref(), Some("https://as.example/t/acme"));
    assert_eq!((said.algorithm.as_str(), said.kid.as_deref(), said.typ.as_deref()), ("EdDSA", Some(K1), Some("at+jwt")));
    for bad in ["", "a", "a.b", "a.b.c", "....", &token[1..]] {
        assert!(peek(bad).is_err(), "{bad}");
    }
}

//! What a proof must be (DP-02), with the RFC's own proofs (vectors V2 to V4).

use chancery_core::Timestamp;
use jsonwebtoken::{Algorithm as Library, EncodingKey};
use serde_json::{Value, json};

use super::*;
use crate::jose::SigningKey;

const V3: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.\
    eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.\
    2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
const V4_BEHIND_THE_HEADER: &str = "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.\
    2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
const V4_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const V2_THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

const TOKEN_URL: &str = "https://as.example/t/acme/token";
const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
const HERE: Expected<'_> = Expected { method: "POST", url: TOKEN_URL, access_token: None, now: NOW };

#[test]
fn dp_02_the_rfcs_own_proofs_hold() {
    let token = Expected {
        method: "POST",
        url: "https://server.example.com/token",
        access_token: None,
        now: Timestamp::from_seconds(1_562_262_620),
    };
    let proof = verify(V3, &token).expect("the RFC's proof");
    let good_until = Timestamp::from_seconds(1_562_262_616 + 61);
    assert_eq!(proof, Proof { jkt: V2_THUMBPRINT.into(), jti: "-BwC3ESc6acc2lTc".into(), good_until });

    let v4 = format!("{}.{V4_BEHIND_THE_HEADER}", V3.split('.').next().expect("a header"));
    let url = "https://resource.example.org/protectedresource";
    let resource = Expected { method: "GET", url, access_token: Some(V4_TOKEN), now: Timestamp::from_seconds(1_562_262_620) };
    assert_eq!(verify(&v4, &resource).expect("the RFC's proof").jkt, V2_THUMBPRINT);
    assert_eq!(verify(&v4, &Expected { access_token: Some("another"), ..resource }), Err(Trouble::Token));
    assert_eq!(verify(V3, &Expected { access_token: Some(V4_TOKEN), ..token }), Err(Trouble::Token));
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let rsa = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
    let ed25519 = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    for (jwk, wanted) in [(rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"), (ed25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")] {
        let jwk: Jwk = serde_json::from_str(jwk).expect("a key");
        assert_eq!(jwk.thumbprint().as_deref(), Some(wanted));
    }
}

#[test]
fn dp_02_every_algorithm_there_is_and_a_kid_that_says_nothing() {
    for algorithm in ALGORITHMS {
        let key = SigningKey::generate(*algorithm, "k".into()).expect("a key");
        let plain = proof(&key, json!({}), json!({}));
        let jkt = verify(&plain, &HERE).expect("a proof").jkt;
        assert_eq!(Some(jkt.clone()), key.jwk().thumbprint());
        for header in [json!({ "kid": "another" }), json!({ "jku": "https://evil.example/jwks", "x5c": ["AA=="] })] {
            assert_eq!(verify(&proof(&key, header, json!({})), &HERE).expect("a proof").jkt, jkt);
        }
    }
}

/// An RSA key without `alg` signs as the header says; one with `alg` as it says itself.
#[test]
fn dp_02_a_key_is_of_one_algorithm() {
    let key = SigningKey::generate(Algorithm::Ps256, "k".into()).expect("a key");
    let mut jwk = serde_json::to_value(key.jwk()).expect("JSON");
    jwk.as_object_mut().expect("an object").remove("alg");
    assert!(verify(&proof(&key, json!({ "jwk": jwk }), json!({})), &HERE).is_ok());
    jwk["alg"] = json!("RS256");
    assert_eq!(verify(&proof(&key, json!({ "jwk": jwk }), json!({})), &HERE), Err(Trouble::Jose(JoseError::WrongAlgorithm)));
}

#[test]
fn dp_02_the_header_is_of_a_proof_and_of_its_own_public_key() {
    let (key, other) = (es256(), es256());
    let public = serde_json::to_value(key.jwk()).expect("JSON");
    let with = |name: &str, value: Value| {
        let mut jwk = public.clone();
        jwk[name] = value;
        json!({ "jwk": jwk })
    };
    for (header, trouble) in [
        (json!({ "typ": "JWT" }), Trouble::Jose(JoseError::WrongType)),
        (json!({ "typ": "at+jwt" }), Trouble::Jose(JoseError::WrongType)),
        (json!({ "typ": null }), Trouble::Jose(JoseError::WrongType)),
        (json!({ "alg": "none" }), Trouble::Jose(JoseError::WrongAlgorithm)),
        (json!({ "alg": "HS256" }), Trouble::Jose(JoseError::WrongAlgorithm)),
        (json!({ "alg": "ES384" }), Trouble::Jose(JoseError::WrongAlgorithm)),
        (json!({ "alg": "EdDSA" }), Trouble::Jose(JoseError::WrongAlgorithm)),
        (json!({ "jwk": null }), Trouble::NoKey),
        (json!({ "jwk": "x" }), Trouble::NoKey),
        (json!({ "jwk": {} }), Trouble::NoKey),
        (with("kty", json!("oct")), Trouble::NoKey),
        (with("crv", json!("P-384")), Trouble::NoKey),
        (with("x", json!("AA")), Trouble::NoKey),
        (with("use", json!("enc")), Trouble::NoKey),
        (with("d", json!("x")), Trouble::PrivateKey),
        (with("k", json!("x")), Trouble::PrivateKey),
        (json!({ "jwk": other.jwk() }), Trouble::Jose(JoseError::BadSignature)),
    ] {
        assert_eq!(verify(&proof(&key, header.clone(), json!({})), &HERE), Err(trouble), "{header}");
    }
    for header in [json!({ "crit": ["exp"] }), json!({ "b64": false })] {
        let outcome = verify(&proof(&key, header.clone(), json!({})), &HERE);
        assert!(matches!(outcome, Err(Trouble::Jose(JoseError::Malformed(_)))), "{header}");
    }
    assert!(verify(&proof(&key, json!({}), json!({})), &HERE).is_ok());
}

/// Whoever verifies has no say in how often it is asked to, so a key may not cost as much as it likes.
#[test]
fn dp_02_an_rsa_key_has_at_most_4096_bits() {
    let key = es256();
    let modulus = |bits: usize| {
        let mut number = vec![0xff; bits.div_ceil(8)];
        number[0] >>= (8 - bits % 8) % 8;
        base64url(&number)
    };
    let bad = Err(Trouble::Jose(JoseError::BadSignature));
    for (bits, outcome) in [(2047, Err(Trouble::NoKey)), (2048, bad), (4096, bad), (4097, Err(Trouble::NoKey)), (8192, Err(Trouble::NoKey))]
    {
        for algorithm in ["RS256", "PS256"] {
            let jwk = json!({ "kty": "RSA", "n": modulus(bits), "e": "AQAB" });
            let header = json!({ "alg": algorithm, "jwk": jwk });
            assert_eq!(verify(&proof(&key, header, json!({})), &HERE).map(drop), outcome, "{bits} {algorithm}");
        }
    }
}

#[test]
fn dp_02_doubled_members_stray_text_and_length() {
    let key = es256();
    let jwk = serde_json::to_string(&key.jwk()).expect("JSON");
    let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#);
    let claims = claims_of(&json!({})).to_string();
    let twice = format!(r#"{{"htm":"GET",{}"#, &claims[1..]);
    let jwk_twice = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{{}},"jwk":{jwk}}}"#);
    for (header, claims) in
        [(&header, &twice), (&jwk_twice, &claims), (&format!("{header} x"), &claims), (&header, &format!("{claims}{{}}"))]
    {
        assert!(verify(&sealed(&key, header, claims), &HERE).is_err(), "{header} {claims}");
    }
    let good = sealed(&key, &header, &claims);
    assert!(verify(&good, &HERE).is_ok());
    for bent in
        [format!("{good},{good}"), format!("{good}="), format!(" {good}"), format!("{good}."), good.replacen('.', "", 1), String::new()]
    {
        assert!(verify(&bent, &HERE).is_err(), "{bent}");
    }
    let long = proof(&key, json!({}), json!({ "more": "x".repeat(4000) }));
    assert_eq!(verify(&long, &HERE), Err(Trouble::TooLong));
}

#[test]
fn dp_02_the_claims_are_those_of_this_request() {
    let key = es256();
    let at = |seconds: i64| json!(NOW.seconds() + seconds);
    for (claims, outcome) in [
        (json!({ "htm": "GET" }), Err(Trouble::Method)),
        (json!({ "htm": "post" }), Err(Trouble::Method)),
        (json!({ "htm": null }), Err(Trouble::Claims)),
        (json!({ "htu": null }), Err(Trouble::Claims)),
        (json!({ "htu": [TOKEN_URL] }), Err(Trouble::Claims)),
        (json!({ "jti": null }), Err(Trouble::Claims)),
        (json!({ "jti": 7 }), Err(Trouble::Claims)),
        (json!({ "jti": "" }), Err(Trouble::Jti)),
        (json!({ "jti": "j".repeat(257) }), Err(Trouble::Jti)),
        (json!({ "jti": "j".repeat(256) }), Ok(())),
        (json!({ "iat": null }), Err(Trouble::Claims)),
        (json!({ "iat": "1764000000" }), Err(Trouble::Claims)),
        (json!({ "iat": at(-60) }), Ok(())),
        (json!({ "iat": at(-61) }), Err(Trouble::TooOld)),
        (json!({ "iat": at(60) }), Ok(())),
        (json!({ "iat": at(61) }), Err(Trouble::TooNew)),
        (json!({ "iat": 1.764e9 }), Ok(())),
        (json!({ "iat": 1e300 }), Err(Trouble::TooNew)),
        (json!({ "iat": -1e300 }), Err(Trouble::TooOld)),
        (json!({ "iat": i64::MAX }), Err(Trouble::TooNew)),
        (json!({ "iat": u64::MAX }), Err(Trouble::TooNew)),
    ] {
        assert_eq!(verify(&proof(&key, json!({}), claims.clone()), &HERE).map(drop), outcome, "{claims}");
    }
}

#[test]
fn dp_07_a_url_is_compared_as_the_rfc_says() {
    let key = es256();
    for (htu, fits) in [
        (TOKEN_URL, true),
        ("HTTPS://AS.example/t/acme/token", true),
        ("https://as.example:443/t/acme/token", true),
        ("https://as.example/t/acme/token?a=b", true),
        ("https://as.example/t/acme/token#a", true),
        ("http://as.example/t/acme/token", false),
        ("https://as.example:8443/t/acme/token", false),
        ("https://as.example:80/t/acme/token", false),
        ("https://as.example/t/ACME/token", false),
        ("https://as.example/t/acme/token/", false),
        ("https://as.example.evil.example/t/acme/token", false),
        ("https://user@as.example/t/acme/token", false),
        ("https://evil.example/?https://as.example/t/acme/token", false),
        ("/t/acme/token", false),
        ("as.example/t/acme/token", false),
        ("", false),
    ] {
        let outcome = verify(&proof(&key, json!({}), json!({ "htu": htu })), &HERE).map(drop);
        assert_eq!(outcome, if fits { Ok(()) } else { Err(Trouble::Url) }, "{htu}");
    }
    let root = Expected { url: "http://127.0.0.1:80", ..HERE };
    assert!(verify(&proof(&key, json!({}), json!({ "htu": "http://127.0.0.1/" })), &root).is_ok());
}

#[test]
fn dp_02_one_key_and_one_jti_are_one_use() {
    let of = |jkt: &str, jti: &str| Proof { jkt: jkt.into(), jti: jti.into(), good_until: NOW }.single_use_key();
    assert_eq!(of("a", "1"), of("a", "1"));
    assert_ne!(of("a", "1"), of("b", "1"));
    assert_ne!(of("a", "1"), of("a", "2"));
    assert_eq!(of("a", &"\0".repeat(256)).len(), 43);
}

proptest::proptest! {
    #[test]
    fn dp_02_no_text_makes_verifying_panic(text: String) {
        let _ = verify(&text, &HERE);
        let _ = Target::of(&text);
    }
}

fn es256() -> SigningKey {
    SigningKey::generate(Algorithm::Es256, "k".into()).expect("a key")
}

/// A good proof of this key, but for what stands in its header and claims besides; `null` takes a member away.
fn proof(key: &SigningKey, header: Value, claims: Value) -> String {
    let usual = json!({ "typ": "dpop+jwt", "alg": key.algorithm().as_str(), "jwk": key.jwk() });
    sealed(key, &changed(usual, &header).to_string(), &claims_of(&claims).to_string())
}

fn claims_of(changes: &Value) -> Value {
    changed(json!({ "jti": "one", "htm": "POST", "htu": TOKEN_URL, "iat": NOW.seconds() }), changes)
}

fn changed(mut members: Value, changes: &Value) -> Value {
    let object = members.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => object.remove(name),
            value => object.insert(name.clone(), value.clone()),
        };
    }
    members
}

fn sealed(key: &SigningKey, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
    let pkcs8 = key.to_pkcs8();
    let (library, encoding) = match key.algorithm() {
        Algorithm::Es256 => (Library::ES256, EncodingKey::from_ec_der(pkcs8.expose())),
        Algorithm::EdDsa => (Library::EdDSA, EncodingKey::from_ed_der(pkcs8.expose())),
        // The PKCS#1 key inside PKCS#8: what follows the fixed 26 bytes of a 2048 bit key's envelope.
        Algorithm::Rs256 => (Library::RS256, EncodingKey::from_rsa_der(&pkcs8.expose()[26..])),
        Algorithm::Ps256 => (Library::PS256, EncodingKey::from_rsa_der(&pkcs8.expose()[26..])),
    };
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &encoding, library).expect("a signature");
    format!("{message}.{signature}")
}

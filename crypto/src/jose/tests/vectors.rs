use serde::Serialize;

use super::*;

/// V13: RFC 8037, appendix A.4. Its payload is no JSON, so what fails is what comes after the signature.
#[test]
fn jw_07_the_ed25519_signature_of_rfc_8037() {
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
                 hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let as_it_is = read(token, &set(&[&k1()]), Typ::IdToken);
    assert!(matches!(trouble(as_it_is), Some(JoseError::Malformed(why)) if why.contains("claims")));

    let changed = token.replace("hgyY", "hgyZ");
    assert_eq!(trouble(read(&changed, &set(&[&k1()]), Typ::IdToken)), Some(JoseError::BadSignature));
}

const ID_JAG: &str = "eyJ0eXAiOiJvYXV0aC1pZC1qYWcrand0IiwiYWxnIjoiRWREU0EiLCJraWQiOiJrUHJLX3FteFZXYVlWQTl3d0JGNkl1bzN2Vnp6N1R4SENUd1hCeWdyUzRrIn0.\
    eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUvdC9hY21lIiwic3ViIjoidS00MiIsImF1ZCI6Imh0dHBzOi8vcmFzLmV4YW1wbGUiLCJjbGllbnRfaWQiOiJyYXMtY2xpZW50LTciLCJqdGkiOiJqYWctMSIsImlhdCI6MTc2NDAwMDAwMCwiZXhwIjoxNzY0MDAwMzAwLCJzY29wZSI6ImZpbGVzLnJlYWQiLCJyZXNvdXJjZSI6Imh0dHBzOi8vbWNwLnJhcy5leGFtcGxlL21jcCJ9.\
    1vqlI_vPtmcR8e5uUpDUElmaKURz9jws1X39zuitMFaFIicwV5RJcBsHKMFuls-sK_BZu63A2kWAjVUdc9WlBg";

const ASSERTION: &str = "eyJ0eXAiOiJjbGllbnQtYXV0aGVudGljYXRpb24rand0IiwiYWxnIjoiRWREU0EiLCJraWQiOiJrUHJLX3FteFZXYVlWQTl3d0JGNkl1bzN2Vnp6N1R4SENUd1hCeWdyUzRrIn0.\
    eyJpc3MiOiJhZ2VudC0xIiwic3ViIjoiYWdlbnQtMSIsImF1ZCI6Imh0dHBzOi8vYXMuZXhhbXBsZS90L2FjbWUiLCJpYXQiOjE3NjQwMDAwMDAsImV4cCI6MTc2NDAwMDA2MCwianRpIjoiY2EtMSJ9.\
    I-5KxyV1-u2UJHJRJsJ7fDy1kXQqqqx_IJ7qA1E8L__gHE6G5NxdjbmDL64r6d6MnKSL3ktOsPON9z6ZXZyzCA";

const ACCESS_TOKEN: &str = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsifQ.\
    eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUvdC9hY21lIiwic3ViIjoidS00MiIsImF1ZCI6Imh0dHBzOi8vbWNwLmV4YW1wbGUvbWNwIiwiY2xpZW50X2lkIjoiYWdlbnQtMSIsImp0aSI6ImF0LTEiLCJpYXQiOjE3NjQwMDAwMDAsImV4cCI6MTc2NDAwMDMwMCwic2NvcGUiOiJmaWxlcy5yZWFkIiwiYWN0Ijp7ImlzcyI6Imh0dHBzOi8vYXMuZXhhbXBsZS90L2FjbWUiLCJzdWIiOiJhZ2VudC0xIiwic3ViX3Byb2ZpbGUiOiJhaV9hZ2VudCIsImFjdCI6eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUvdC9hY21lIiwic3ViIjoib3JjaGVzdHJhdG9yLTkiLCJzdWJfcHJvZmlsZSI6ImFpX2FnZW50In19LCJjbmYiOnsiamt0IjoiMFpjT0NPUlpOWXktRFdwcXEzMGpaeUpHSFROMGQySGdsQlYzdWlndUE0SSJ9fQ.\
    zhYtjwyygktN7qOaEd8t9Ju2hvgMTrwfnK1irH_rd08YVu1cX8jiOqNzg83hdPFoD7BR3OffXq96Qttkj0vlBQ";

/// V10: computed by another implementation.
#[test]
fn jw_02_the_vectors_verify_as_what_they_are_and_as_nothing_else() {
    let types = [Typ::Exact("oauth-id-jag+jwt"), Typ::Exact("client-authentication+jwt"), Typ::AccessToken, Typ::IdToken];
    for (token, is, jti) in [(ID_JAG, types[0], "jag-1"), (ASSERTION, types[1], "ca-1"), (ACCESS_TOKEN, types[2], "at-1")] {
        for expected in types {
            let outcome = read(token, &set(&[&k1()]), expected);
            if expected == is {
                let claims: Value = outcome.expect("a token").claims().expect("claims");
                assert_eq!(claims["jti"], jti);
            } else {
                assert_eq!(trouble(outcome), Some(JoseError::WrongType), "{jti} as {expected:?}");
            }
        }
    }
}

/// V10 again, the other way round: Ed25519 is deterministic, so we must write the very same bytes.
#[test]
fn our_signing_writes_the_vectors_byte_for_byte() {
    #[derive(Serialize)]
    struct IdJag {
        iss: &'static str,
        sub: &'static str,
        aud: &'static str,
        client_id: &'static str,
        jti: &'static str,
        iat: i64,
        exp: i64,
        scope: &'static str,
        resource: &'static str,
    }
    let claims = IdJag {
        iss: "https://as.example/t/acme",
        sub: "u-42",
        aud: "https://ras.example",
        client_id: "ras-client-7",
        jti: "jag-1",
        iat: 1_764_000_000,
        exp: 1_764_000_300,
        scope: "files.read",
        resource: "https://mcp.ras.example/mcp",
    };
    assert_eq!(k1().sign("oauth-id-jag+jwt", &claims).expect("a token"), ID_JAG);
}

#[test]
fn md_06_a_public_key_has_no_private_members() {
    for algorithm in Algorithm::ALL {
        let json = set(&[&fresh(*algorithm, "k")]).to_json();
        let key = json["keys"][0].as_object().expect("a key");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(!key.contains_key(private), "{private} of {algorithm:?}");
        }
        assert_eq!((&key["alg"], &key["use"], &key["kid"]), (&json!(algorithm.as_str()), &json!("sig"), &json!("k")));
    }
    let x = &set(&[&k1()]).to_json()["keys"][0]["x"];
    assert_eq!(x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
}

use chancery_crypto::jose::SigningKey;
use serde_json::json;

use super::*;
use crate::fixtures::NOW;

fn claims() -> Value {
    json!({
        "iss": "https://idp.example", "aud": "chancery", "iat": 1_764_000_000, "exp": 1_764_000_120, "jti": "l-1",
        "sub": "u-42", "sid": "s-7", "events": { EVENT: {} },
    })
}

fn checked(change: impl FnOnce(&mut Value)) -> Result<Logout, Trouble> {
    let mut claims = claims();
    change(&mut claims);
    let claims = serde_json::from_value(claims).map_err(|_| Trouble::Jose(JoseError::WrongClaims))?;
    check(claims, &crate::fixtures::provider("corp"), NOW)
}

fn with(claim: &'static str, value: Value) -> Result<Logout, Trouble> {
    checked(|claims| claims[claim] = value)
}

fn without(claims: &[&str]) -> Result<Logout, Trouble> {
    checked(|all| claims.iter().for_each(|claim| drop(all.as_object_mut().expect("an object").remove(*claim))))
}

#[test]
fn bl_01_a_good_one_names_a_session_or_a_person() {
    let good = checked(|_| ()).expect("good");
    assert_eq!(
        (good.id.as_str(), good.until, good.whose),
        ("l-1", NOW + std::time::Duration::from_secs(180), Whose::Session("s-7".into()))
    );
    assert_eq!(without(&["sub"]).expect("good").whose, Whose::Session("s-7".into()));
    let person = SubjectKey::of(&crate::fixtures::provider("corp").issuer, "u-42");
    assert_eq!(without(&["sid"]).expect("good").whose, Whose::Person(person));
    assert_eq!(without(&["sid", "sub"]), Err(Trouble::Nobody));
    assert_eq!(checked(|claims| (claims["sid"], claims["sub"]) = (json!(""), json!(""))), Err(Trouble::Nobody));
}

#[test]
fn bl_01_each_claim_is_held_to() {
    for claim in ["iss", "aud", "iat", "exp", "jti", "events"] {
        assert_eq!(without(&[claim]), Err(Trouble::Jose(JoseError::WrongClaims)), "{claim}");
    }
    let table = [
        ("iss", json!("https://idp.example/"), Trouble::Issuer),
        ("aud", json!("other"), Trouble::Audience),
        ("aud", json!([]), Trouble::Audience),
        ("exp", json!(1_763_999_940), Trouble::Expired),
        ("iat", json!(1_764_000_061), Trouble::FromTheFuture),
        ("jti", json!(""), Trouble::Id),
        ("jti", json!("x".repeat(513)), Trouble::Id),
        ("nonce", json!("n-1"), Trouble::Nonce),
        ("nonce", Value::Null, Trouble::Nonce),
        ("events", json!({}), Trouble::Event),
        ("events", json!({ EVENT: true }), Trouble::Event),
        ("events", json!({ "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {} }), Trouble::Event),
    ];
    for (claim, value, trouble) in table {
        assert_eq!(with(claim, value.clone()), Err(trouble), "{claim} {value}");
    }
    assert!(with("aud", json!(["other", "chancery"])).is_ok());
    assert!(with("events", json!({ EVENT: {}, "urn:other": {} })).is_ok());
}

#[test]
fn bl_01_its_type_and_algorithm_are_held_to() {
    let key = SigningKey::generate(Algorithm::Es256, "k-1".to_owned()).expect("a key");
    let keys = KeySet::from_keys([key.jwk().clone()]);
    let read_as = |typ: &'static str, profile: &str, algorithms: &[Algorithm]| {
        let token = key.sign(typ, &claims()).expect("a token");
        let provider = IdentityProvider { profile: Some(profile.to_owned()), ..crate::fixtures::provider("corp") };
        read(&token, &keys, (&provider, algorithms), NOW).map(drop)
    };
    let es256 = &[Algorithm::Es256][..];
    for typ in ["logout+jwt", "application/logout+jwt", "Logout+JWT"] {
        assert_eq!(read_as(typ, "keycloak", es256), Ok(()), "{typ}");
    }
    // What keeps to the specification and no more may leave the type out; its claims still tell it from an ID token.
    assert_eq!(read_as("JWT", "oidc", es256), Ok(()));
    for (typ, profile) in [("JWT", "keycloak"), ("JWT", "auth0"), ("at+jwt", "oidc"), ("secevent+jwt", "oidc"), ("dpop+jwt", "keycloak")] {
        assert_eq!(read_as(typ, profile, es256), Err(Trouble::Jose(JoseError::WrongType)), "{typ} {profile}");
    }
    assert_eq!(read_as("logout+jwt", "keycloak", &[Algorithm::Rs256]), Err(Trouble::Jose(JoseError::WrongAlgorithm)));
}

#[test]
fn bl_01_a_key_that_names_its_issuer_signs_for_no_other() {
    let key = SigningKey::generate(Algorithm::Es256, "k-1".to_owned()).expect("a key");
    let read_by = |issuer: &str, profile: &str| {
        let (mut jwk, mut claims) = (serde_json::to_value(key.jwk()).expect("JSON"), claims());
        (jwk["issuer"], claims["tid"]) = (json!(issuer), json!("idp"));
        let keys = KeySet::from_jwks(json!({ "keys": [jwk] }).to_string().as_bytes()).expect("keys");
        let token = key.sign(TYP, &claims).expect("a token");
        let provider = IdentityProvider { profile: Some(profile.to_owned()), ..crate::fixtures::provider("corp") };
        read(&token, &keys, (&provider, &[Algorithm::Es256]), NOW).map(drop)
    };
    for (issuer, profile, outcome) in [
        ("https://idp.example", "entra", Ok(())),
        ("https://{tenantid}.example", "entra", Ok(())),
        ("https://another.example", "entra", Err(Trouble::KeyOfAnother)),
        ("https://{tenantid}.another.example", "entra", Err(Trouble::KeyOfAnother)),
        ("https://another.example", "keycloak", Ok(())),
    ] {
        assert_eq!(read_by(issuer, profile), outcome, "{issuer} {profile}");
    }
}

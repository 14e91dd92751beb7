use chancery_crypto::jose::SigningKey;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::NOW;

fn claims() -> Value {
    json!({
        "iss": "https://idp.example", "sub": "u-42", "aud": "chancery", "nonce": "n-1",
        "iat": 1_764_000_000, "exp": 1_764_000_300, "auth_time": 1_763_990_000, "acr": "mfa", "amr": ["pwd", "otp"],
        "preferred_username": "alice", "email": "alice@corp.example", "groups": ["finance"],
    })
}

fn checked_with(change: impl FnOnce(&mut Value), fresh_since: Option<Timestamp>) -> Result<Identity, Trouble> {
    checked_for(change, fresh_since, None)
}

fn checked_for(change: impl FnOnce(&mut Value), fresh_since: Option<Timestamp>, max_age: Option<Duration>) -> Result<Identity, Trouble> {
    let mut claims = claims();
    change(&mut claims);
    let provider = crate::fixtures::provider("corp");
    let expected = Expected { provider: &provider, form: "https://idp.example", nonce: Some("n-1"), algorithms: &[], fresh_since, max_age };
    let claims = serde_json::from_value(claims).map_err(|_| Trouble::Jose(JoseError::WrongClaims))?;
    check(claims, &expected, NOW)
}

fn checked(change: impl FnOnce(&mut Value)) -> Result<Identity, Trouble> {
    checked_with(change, None)
}

fn with(claim: &'static str, value: Value) -> Result<Identity, Trouble> {
    checked(|claims| claims[claim] = value)
}

#[test]
fn a_good_token_says_who_and_how() {
    let identity = checked(|_| ()).expect("good");
    assert_eq!(identity.key, "u-42");
    assert_eq!(identity.issuer.as_str(), "https://idp.example");
    let authentication = Authentication {
        auth_time: Some(Timestamp::from_seconds(1_763_990_000)),
        acr: Some("mfa".into()),
        amr: vec!["pwd".into(), "otp".into()],
    };
    assert_eq!(identity.authentication, authentication);
    assert_eq!(identity.person.label(), Some("alice"));
    assert_eq!(identity.person.groups, ["finance"]);
}

#[test]
fn jw_06_the_issuer_is_the_one_configured_byte_for_byte() {
    for other in ["https://idp.example/", "https://IDP.example", "https://evil.example", ""] {
        assert_eq!(with("iss", json!(other)), Err(Trouble::Issuer), "{other}");
    }
}

#[test]
fn the_audience_is_us_and_among_several_azp_says_so() {
    let table = [
        (json!("chancery"), json!(null), Ok(())),
        (json!(["chancery"]), json!(null), Ok(())),
        (json!(["chancery"]), json!("chancery"), Ok(())),
        (json!(["chancery", "account"]), json!("chancery"), Ok(())),
        (json!(["chancery", "account"]), json!(null), Err(Trouble::AuthorizedParty)),
        (json!(["chancery"]), json!("other"), Err(Trouble::AuthorizedParty)),
        (json!("other"), json!("chancery"), Err(Trouble::Audience)),
        (json!([]), json!("chancery"), Err(Trouble::Audience)),
    ];
    for (aud, azp, expected) in table {
        let came = checked(|claims| {
            claims["aud"] = aud.clone();
            claims["azp"] = azp.clone();
        });
        assert_eq!(came.map(|_| ()), expected, "{aud} {azp}");
    }
}

#[test]
fn jw_06_times_are_required_numbers_near_ours() {
    let table = [
        ("exp", json!(1_763_999_941), Ok(())),
        ("exp", json!(1_763_999_940), Err(Trouble::Expired)),
        ("exp", json!(1e300), Ok(())),
        ("exp", json!("1764000300"), Err(Trouble::Jose(JoseError::WrongClaims))),
        ("exp", json!(null), Err(Trouble::Jose(JoseError::WrongClaims))),
        ("iat", json!(1_764_000_060.5), Err(Trouble::FromTheFuture)),
        ("iat", json!(1_764_000_060), Ok(())),
        ("iat", json!(1_763_999_400), Ok(())),
        ("iat", json!(1_763_999_399), Err(Trouble::Stale)),
        ("iat", json!(null), Err(Trouble::Jose(JoseError::WrongClaims))),
        ("nbf", json!(1_764_000_061), Err(Trouble::FromTheFuture)),
        ("nbf", json!(1_763_999_000), Ok(())),
    ];
    for (claim, value, expected) in table {
        assert_eq!(with(claim, value.clone()).map(|_| ()), expected, "{claim} {value}");
    }
}

#[test]
fn the_nonce_is_that_of_this_sign_in() {
    for other in [json!("n-2"), json!(""), json!(null)] {
        assert_eq!(with("nonce", other), Err(Trouble::Nonce));
    }
}

#[test]
fn su_03_a_new_sign_in_that_was_asked_for_must_be_new_and_say_so() {
    let old = |claims: &mut Value| claims["auth_time"] = json!(1_763_999_000);
    assert_eq!(checked_with(old, Some(NOW)), Err(Trouble::NotFresh));
    assert!(checked_with(|claims| claims["auth_time"] = json!(1_763_999_990), Some(NOW)).is_ok());
    assert_eq!(checked_with(|claims| claims["auth_time"] = json!(null), Some(NOW)), Err(Trouble::Undated));
}

#[test]
fn a_subject_is_short_and_plain() {
    for bad in [String::new(), "a\0b".into(), "x".repeat(256)] {
        assert_eq!(with("sub", json!(bad)), Err(Trouble::Subject));
    }
    assert!(with("sub", json!("x".repeat(255))).is_ok());
}

#[test]
fn what_is_only_passed_on_never_fails_a_sign_in() {
    let identity = checked(|claims| {
        claims["acr"] = json!(1);
        claims["amr"] = json!("pwd");
        claims["groups"] = json!({"src": 1});
        claims["name"] = json!(["Alice"]);
        claims["auth_time"] = json!(null);
    });
    let identity = identity.expect("good");
    assert_eq!(identity.authentication, Authentication { auth_time: None, acr: None, amr: Vec::new() });
    assert_eq!((identity.person.name, identity.person.groups), (None, Vec::new()));
}

#[test]
fn jw_01_the_signature_is_by_the_providers_key_and_an_algorithm_it_named() {
    let key = SigningKey::generate(Algorithm::Es256, "k-1".into()).expect("a key");
    let stranger = SigningKey::generate(Algorithm::Es256, "k-1".into()).expect("a key");
    let keys = KeySet::from_keys([key.jwk()]);
    let provider = crate::fixtures::provider("corp");
    let expecting = |algorithms| Expected {
        provider: &provider,
        form: "https://idp.example",
        nonce: Some("n-1"),
        algorithms,
        fresh_since: None,
        max_age: None,
    };

    let token = key.sign("JWT", &claims()).expect("signed");
    assert!(read(&token, &keys, &expecting(&[Algorithm::Es256]), NOW).is_ok());
    assert_eq!(read(&token, &keys, &expecting(&[Algorithm::Rs256]), NOW), Err(JoseError::WrongAlgorithm.into()));
    let forged = stranger.sign("JWT", &claims()).expect("signed");
    assert_eq!(read(&forged, &keys, &expecting(&[Algorithm::Es256]), NOW), Err(JoseError::BadSignature.into()));
}

#[test]
fn jw_02_another_kind_of_token_is_no_id_token() {
    let key = SigningKey::generate(Algorithm::Es256, "k-1".into()).expect("a key");
    let provider = crate::fixtures::provider("corp");
    let expected = Expected {
        provider: &provider,
        form: "https://idp.example",
        nonce: Some("n-1"),
        algorithms: &[Algorithm::Es256],
        fresh_since: None,
        max_age: None,
    };
    for typ in ["at+jwt", "logout+jwt", "secevent+jwt", "client-authentication+jwt"] {
        let token = key.sign(typ, &claims()).expect("signed");
        let came = read(&token, &KeySet::from_keys([key.jwk()]), &expected, NOW);
        assert_eq!(came, Err(JoseError::WrongType.into()), "{typ}");
    }
}

#[test]
fn su_03_a_sign_in_of_a_certain_age_is_proved_by_the_providers_own_word() {
    let signed_in = |ago: u64, max_age: u64| {
        let at = (NOW - Duration::from_secs(ago)).seconds();
        checked_for(|claims| claims["auth_time"] = json!(at), None, Some(Duration::from_secs(max_age))).map(|_| ())
    };
    assert_eq!(signed_in(60, 60), Ok(()));
    assert_eq!(signed_in(3600, 60), Err(Trouble::NotFresh));
    assert_eq!(signed_in(3600, 0), Err(Trouble::NotFresh));
    let undated = |claims: &mut Value| drop(claims.as_object_mut().expect("claims").remove("auth_time"));
    assert_eq!(checked_for(undated, None, Some(Duration::from_secs(60))).map(|_| ()), Err(Trouble::Undated));
}

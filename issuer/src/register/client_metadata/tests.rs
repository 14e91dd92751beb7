use chancery_core::oauth::Code;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(body: &[u8]) -> Result<ClientMetadata, Refused> {
    Asked::read(body)?.judged(&Admission::of_strangers())
}

/// Good metadata with members put over it.
fn with(members: Value) -> Result<ClientMetadata, Refused> {
    let mut body = json!({ "redirect_uris": ["http://127.0.0.1/cb"], "client_name": "Desk" });
    body.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    read(body.to_string().as_bytes())
}

#[test]
fn dr_03_contradictions_are_refused() {
    for bad in [
        json!({ "token_endpoint_auth_method": "magic" }),
        json!({ "grant_types": ["client_credentials"] }),
        json!({ "grant_types": [] }),
        json!({ "grant_types": ["refresh_token"] }),
        json!({ "grant_types": ["authorization_code"], "response_types": ["token"] }),
        json!({ "jwks": { "keys": [] }, "jwks_uri": "https://app.example/jwks" }),
        json!({ "jwks": { "keys": [{ "kty": "oct", "k": "x" }] } }),
        json!({ "jwks": { "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d" }] } }),
        json!({ "jwks": "keys" }),
        json!({ "id_token_signed_response_alg": "none" }),
        json!({ "redirect_uris": "http://127.0.0.1/cb" }),
        json!({ "client_name": 7 }),
    ] {
        let refused = with(bad.clone()).expect_err("refused");
        assert_eq!(refused.error().code(), Code::InvalidClientMetadata, "{bad}");
    }
    for bad in ["", "[]", "7", "null", "{"] {
        assert_eq!(read(bad.as_bytes()).expect_err("refused").error().code(), Code::InvalidClientMetadata, "{bad}");
    }
}

#[test]
fn dr_03_unknown_members_are_ignored_and_known_methods_are_taken_for_what_there_is() {
    for (good, confidential) in [
        (json!({}), false),
        (json!({ "x": [1, null], "application_type": "web", "scope": "bank:read", "logo_uri": "https://app.example/logo" }), false),
        (json!({ "token_endpoint_auth_method": "client_secret_basic" }), true),
        (json!({ "token_endpoint_auth_method": "client_secret_post" }), true),
        (json!({ "token_endpoint_auth_method": "private_key_jwt" }), false),
        (json!({ "token_endpoint_auth_method": null, "jwks": null, "contacts": null }), false),
        (
            json!({ "grant_types": ["authorization_code", "refresh_token", "client_credentials"], "response_types": ["code", "token"] }),
            false,
        ),
        (json!({ "jwks": { "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" }] } }), false),
    ] {
        let registered = with(good.clone()).expect("registered");
        assert_eq!((&*registered.name, registered.confidential), ("Desk", confidential), "{good}");
        assert!(!registered.grants.contains(&GrantType::ClientCredentials), "{good}");
    }
}

#[test]
fn dr_06_a_client_may_have_less_than_it_could() {
    let registered = with(json!({ "grant_types": ["authorization_code"] })).expect("registered");
    assert_eq!(registered.grants, [GrantType::AuthorizationCode].into());
}

#[test]
fn dr_02_metadata_without_an_address_is_refused() {
    let refused = read(br#"{"client_name":"Desk"}"#).expect_err("refused");
    assert_eq!(refused.error().code(), Code::InvalidRedirectUri);
}

#[test]
fn dr_04_a_statement_goes_over_what_the_client_says() {
    let mut asked = Asked::read(br#"{"redirect_uris":["https://evil.example/cb"],"client_name":"Evil"}"#).expect("an object");
    let statement =
        json!({ "iss": "x", "exp": 1, "client_name": "Vetted", "redirect_uris": ["https://app.example/cb"], "software_id": "v" });
    asked.overruled_by(&stated(statement.as_object().expect("an object").clone()));
    let registered = asked.judged(&Admission::of_strangers()).expect("registered");
    assert_eq!((&*registered.name, &*registered.redirect_uris), ("Vetted", &["https://app.example/cb".to_owned()][..]));
    assert_eq!(registered.about.software_id.as_deref(), Some("v"));
}

#[test]
fn dr_10_what_is_shown_is_a_line_that_hides_nothing() {
    assert_eq!(with(json!({ "client_name": "\u{202e}\u{7}" })).expect("registered").name, NAMELESS);
    assert_eq!(with(json!({ "client_name": "Cl\u{430}ude" })).expect("registered").name, "Cl?ude");
    let about =
        with(json!({ "contacts": ["me@app.example", "\u{1b}[2J"], "client_uri": "javascript:alert(1)" })).expect("registered").about;
    assert_eq!((about.contacts, about.client_uri), (vec!["me@app.example".to_owned()], None));
}

proptest! {
    #[test]
    fn no_body_makes_reading_panic(body: Vec<u8>) {
        let _ = read(&body);
    }
}

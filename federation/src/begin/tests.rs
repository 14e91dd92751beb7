use std::collections::HashMap;

use super::*;
use crate::fixtures::{BROWSER, metadata, provider, sign_in};

/// The provider's URL, taken apart.
fn sent(change: impl FnOnce(&mut SignInRequest)) -> (String, HashMap<String, String>) {
    let mut request = SignInRequest {
        tenant: sign_in().tenant,
        client: None,
        provider: "corp".parse().expect("a slug"),
        browser: BROWSER,
        request: "sealed".into(),
        login_hint: None,
        fresh: false,
        select: false,
        max_age: None,
        acr_values: None,
    };
    change(&mut request);
    let (provider, metadata) = (provider("corp"), metadata(true));
    let pending = Pending {
        issuer: provider.issuer.clone(),
        nonce: "n".into(),
        verifier: VERIFIER.into(),
        client: None,
        fresh: request.fresh,
        max_age: None,
    };
    let redirect_uri = redirect_uri(&Issuer::foreign("https://gw.example/t/acme"), &provider.name);
    let asking = Asking { request: &request, redirect_uri: &redirect_uri, state: &Secret::new("s".into()), pending: &pending };
    let url = Url::parse(&authorization_url(&provider, &metadata, &asking).expect("a URL")).expect("a URL");
    let pairs = url.query_pairs().into_owned().collect();
    (url.origin().ascii_serialization() + url.path(), pairs)
}

/// Vector V1.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[test]
fn the_request_says_what_openid_connect_wants_and_keeps_what_was_there() {
    let (address, query) = sent(|_| ());
    assert_eq!(address, "https://idp.example/authorize");
    let expected = [
        ("policy", "a b"),
        ("response_type", "code"),
        ("client_id", "chancery"),
        ("redirect_uri", "https://gw.example/t/acme/callback/corp"),
        ("scope", "openid profile"),
        ("state", "s"),
        ("nonce", "n"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn sb_05_each_provider_answers_at_an_address_of_its_own() {
    let issuer = Issuer::foreign("https://gw.example/t/acme");
    let at = |name: &str| redirect_uri(&issuer, &name.parse().expect("a slug"));
    assert_eq!(at("corp"), "https://gw.example/t/acme/callback/corp");
    assert_ne!(at("corp"), at("other"));
}

#[test]
fn a_new_sign_in_and_a_hint_are_asked_for() {
    let (_, query) = sent(|request| {
        request.fresh = true;
        request.acr_values = Some("mfa phr".into());
        request.login_hint = Some("alice@corp.example".into());
    });
    assert_eq!(query.get("prompt").map(String::as_str), Some("login"));
    assert_eq!(query.get("max_age").map(String::as_str), Some("0"), "so that it must say when");
    assert_eq!(query.get("acr_values").map(String::as_str), Some("mfa phr"));
    assert_eq!(query.get("login_hint").map(String::as_str), Some("alice@corp.example"));
}

#[test]
fn an_age_is_asked_for_as_it_is_and_another_account_without_one() {
    let (_, query) = sent(|request| request.max_age = Some(Duration::from_secs(60)));
    assert_eq!((query.get("max_age").map(String::as_str), query.get("prompt")), (Some("60"), None));
    let (_, query) = sent(|request| request.select = true);
    assert_eq!((query.get("max_age"), query.get("prompt").map(String::as_str)), (None, Some("login")));
}

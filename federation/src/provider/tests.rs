use axum::http::StatusCode;
use chancery_core::Secret;

use super::*;
use crate::fixtures;

/// With an id and a secret that need their encoding.
fn provider() -> IdentityProvider {
    IdentityProvider { client_id: "a:b/é".into(), client_secret: Secret::new("p%w d+".into()), ..fixtures::provider("corp") }
}

const REDEMPTION: Redemption<'_> = Redemption { code: "c+1", verifier: "v", redirect_uri: "https://gw.example/t/acme/callback/corp" };

/// Vector V9.
#[test]
fn basic_credentials_are_form_encoded_first() {
    let (headers, form) = code_request(&provider(), ClientAuthentication::Basic, &REDEMPTION);
    let [(name, value)] = &headers[..] else { panic!("one header") };
    assert_eq!((name, value.to_str().expect("text")), (&AUTHORIZATION, "Basic YSUzQWIlMkYlQzMlQTk6cCUyNXcrZCUyQg=="));
    assert!(value.is_sensitive());
    assert_eq!(
        form,
        "grant_type=authorization_code&code=c%2B1&redirect_uri=https%3A%2F%2Fgw.example%2Ft%2Facme%2Fcallback%2Fcorp&code_verifier=v"
    );
}

#[test]
fn the_secret_goes_one_way_only() {
    let (headers, form) = code_request(&provider(), ClientAuthentication::Post, &REDEMPTION);
    assert!(headers.is_empty());
    assert!(form.ends_with("&client_id=a%3Ab%2F%C3%A9&client_secret=p%25w+d%2B"));
    let (_, form) = code_request(&provider(), ClientAuthentication::Basic, &REDEMPTION);
    assert!(!form.contains("client_"));
}

#[test]
fn no_resource_is_sent_to_the_provider() {
    for by in [ClientAuthentication::Basic, ClientAuthentication::Post] {
        assert!(!code_request(&provider(), by, &REDEMPTION).1.contains("resource"));
    }
}

fn answered(status: u16, body: &str) -> Result<String, ProviderTrouble> {
    let status = StatusCode::from_u16(status).expect("a status");
    let fetched = Fetched { status, content_type: None, body: body.to_owned().into(), max_age: None };
    tokens_of("https://idp.example/token", &fetched).map(|tokens| tokens.id_token.expose().clone())
}

#[test]
fn a_token_answer_is_read_as_providers_send_it() {
    assert_eq!(answered(200, r#"{"id_token":"t","expires_in":"3600","token_type":"bearer"}"#), Ok("t".into()));
    assert!(matches!(answered(400, r#"{"error":"invalid_grant"}"#), Err(ProviderTrouble::Refused(_))));
    assert!(matches!(answered(200, r#"{"error":"invalid_grant","id_token":"t"}"#), Err(ProviderTrouble::Refused(_))));
    assert!(matches!(answered(401, r#"{"error":"invalid_client"}"#), Err(ProviderTrouble::Wrong(_))));
    assert!(matches!(answered(200, r#"{"access_token":"t"}"#), Err(ProviderTrouble::Wrong(_))));
    assert!(matches!(answered(200, "<html>"), Err(ProviderTrouble::Wrong(_))));
    assert!(matches!(answered(503, "<html>"), Err(ProviderTrouble::Unreachable(_))));
}

#[test]
fn md_07_a_redirect_or_a_flood_is_the_providers_mistake_and_silence_is_not() {
    let trouble = |trouble| ProviderTrouble::from(FetchError { address: "https://idp.example".into(), trouble });
    assert!(matches!(trouble(FetchTrouble::TooLarge(100_000)), ProviderTrouble::Wrong(_)));
    assert!(matches!(trouble(FetchTrouble::Redirected(StatusCode::FOUND)), ProviderTrouble::Wrong(_)));
    assert!(matches!(trouble(FetchTrouble::Broken("reset".into())), ProviderTrouble::Unreachable(_)));
}

use axum::http::StatusCode;

use super::*;

fn said(profile: &str, status: u16, body: &str) -> Said {
    let status = StatusCode::from_u16(status).expect("a status");
    let fetched = Fetched { status, content_type: None, body: body.to_owned().into(), max_age: None };
    match read(&fetched, Profile::named(profile).expect("a profile")) {
        Ok(Answer::Tokens { refresh_token, .. }) => {
            Said::Vouched { person: None, next: refresh_token.map(|token| token.expose().clone().into_bytes()) }
        }
        Ok(Answer::No(said)) => said,
        Err(trouble) => trouble.said,
    }
}

#[test]
fn answers_are_read_as_providers_give_them() {
    let vouched = |next: Option<&str>| Said::Vouched { person: None, next: next.map(|token| token.as_bytes().to_vec()) };
    for (status, body, expected) in [
        (200, r#"{"access_token":"a","refresh_token":"r","expires_in":"3600"}"#, vouched(Some("r"))),
        (200, r#"{"access_token":"a","id_token":"i","token_type":"bearer"}"#, vouched(None)),
        (200, r#"{"access_token":"a","refresh_token":""}"#, vouched(None)),
        (400, r#"{"error":"invalid_grant"}"#, Said::Refused),
        (200, r#"{"error":"invalid_grant","access_token":"a"}"#, Said::Refused),
        (400, r#"{"error":"interaction_required"}"#, Said::SignInAgain),
        (400, r#"{"error":"consent_required"}"#, Said::SignInAgain),
        (400, r#"{"error":"invalid_grant","suberror":"consent_required"}"#, Said::SignInAgain),
        (401, r#"{"error":"invalid_client"}"#, Said::Unusable),
        (429, r#"{"error":"too_many_requests"}"#, Said::Unusable),
        (400, r#"{"error":"unauthorized_client"}"#, Said::Unusable),
        (503, r#"{"error":"invalid_grant"}"#, Said::Silent),
        (200, "<html>", Said::Silent),
        (200, "{}", Said::Silent),
        (404, r#"{"access_token":"a"}"#, Said::Silent),
    ] {
        assert_eq!(said("oidc", status, body), expected, "{status} {body}");
    }
}

#[test]
fn e6_a2_a_provider_s_own_words_for_a_sign_in_are_its_profile_s() {
    for (profile, body) in [
        ("auth0", r#"{"error":"mfa_required","mfa_token":"m"}"#),
        ("entra", r#"{"error":"invalid_grant","suberror":"basic_action"}"#),
        ("entra", r#"{"error":"invalid_grant","suberror":"user_password_expired"}"#),
    ] {
        assert_eq!(said(profile, 403, body), Said::SignInAgain, "{profile} {body}");
        assert_ne!(said("oidc", 403, body), Said::SignInAgain, "{body}");
    }
}

#[test]
fn what_was_never_sent_was_never_answered() {
    let said = |trouble| unheard(FetchError { address: "https://idp.example/token".into(), trouble }).said;
    assert_eq!(said(FetchTrouble::Broken("reset".into())), Said::Silent);
    assert_eq!(said(FetchTrouble::TooLarge(100_000)), Said::Silent);
    assert_eq!(said(FetchTrouble::Redirected(StatusCode::FOUND)), Said::Unusable);
}

use chancery_audit::Counters;
use chancery_core::{DecisionId, ScopeSet};
use chancery_policy::Denied;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{NOW, bank, entropy, scopes};

fn answer(refusal: &Refusal, to: &ReplyTo) -> Response {
    let counted = Counters::default().count(None, chancery_audit::Counter { endpoint: "gateway", reason: "test", row: "" });
    respond(refusal, Some(Told { resource: &bank(), tried: Scheme::Bearer }), to, None, &counted.into())
}

async fn body(response: Response) -> Value {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    assert!(!String::from_utf8_lossy(&bytes).contains("null"), "never null: {bytes:?}");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn challenge_of(response: &Response) -> &str {
    response.headers()[WWW_AUTHENTICATE].to_str().expect("plain ASCII")
}

fn id(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("JSON")
}

fn denied() -> Refusal {
    Refusal::denied(&Denied { decision: DecisionId::mint(NOW, &mut entropy(1)), policies: vec!["no-transfers".to_owned()], advice: None })
}

#[tokio::test]
async fn pr_02_without_a_token_the_answer_says_where_to_begin() {
    let response = answer(&Refusal::no_token(), &ReplyTo::Nobody);
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let expected = r#"Bearer resource_metadata="https://gw.example/.well-known/oauth-protected-resource/mcp/bank", scope="bank:read""#;
    assert_eq!(challenge_of(&response), expected);
    assert_eq!(body(response).await["error"]["data"]["reason"], "no_token");
}

#[test]
fn at_01_a_bad_token_is_a_401_that_says_why() {
    let response = answer(&Refusal::bad_token(&chancery_tokens::TokenTrouble::Expired), &ReplyTo::Nobody);
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(challenge_of(&response).starts_with("Bearer error=\"invalid_token\", error_description=\"this token has expired"));
    assert!(challenge_of(&response).contains("scope=\"bank:read\""));
}

#[test]
fn mc_01_a_lack_of_scope_is_a_403_that_names_the_scope() {
    let response = answer(&Refusal::insufficient_scope(&scopes("bank:move"), &scopes("bank:read")), &ReplyTo::Request(id("1")));
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(challenge_of(&response).starts_with("Bearer error=\"insufficient_scope\""));
    assert!(challenge_of(&response).ends_with("/mcp/bank\", scope=\"bank:move bank:read\""));
}

#[test]
fn oa_20_malformed_authorization_is_a_400() {
    for refusal in [Refusal::malformed_authorization(), Refusal::two_tokens()] {
        let response = answer(&refusal, &ReplyTo::Nobody);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(challenge_of(&response).starts_with("Bearer error=\"invalid_request\""));
    }
}

#[tokio::test]
async fn mcp_3_15_a_denial_answers_the_request_that_waits() {
    let response = answer(&denied(), &ReplyTo::Request(id("\"a\\u0062\"")));
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
    let body = body(response).await;
    let decision = denied().decision.expect("a decision").to_string();
    assert_eq!((&body["jsonrpc"], &body["id"], &body["error"]["code"]), (&json!("2.0"), &json!("ab"), &json!(-32010)));
    assert_eq!(body["error"]["data"], json!({ "reason": "denied_by_policy", "decision": decision }));
}

#[tokio::test]
async fn mcp_3_15_in_a_batch_all_that_wait_are_answered() {
    let body = body(answer(&denied(), &ReplyTo::Batch(vec![id("1"), id("\"b\"")]))).await;
    let ids: Vec<_> = body.as_array().expect("an array").iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [json!(1), json!("b")]);
}

#[tokio::test]
async fn where_no_request_waits_a_denial_is_a_status() {
    let stream = answer(&denied(), &ReplyTo::Verb);
    assert_eq!((stream.status(), &stream.headers()[ALLOW]), (StatusCode::METHOD_NOT_ALLOWED, &HeaderValue::from_static("POST")));
    let notification = answer(&denied(), &ReplyTo::Nobody);
    assert_eq!(notification.status(), StatusCode::BAD_REQUEST);
    assert!(body(notification).await.get("id").is_none());
}

#[test]
fn only_token_trouble_and_scope_are_challenged() {
    let others = [
        (Refusal::foreign_origin(), 403),
        (Refusal::unknown_session(), 404),
        (Refusal::nothing_here(), 404),
        (Refusal::header_mismatch("mcp-name"), 400),
        (Refusal::invalid_params("x"), 400),
        (Refusal::too_large(1), 413),
        (Refusal::wrong_type(), 415),
        (Refusal::log_unavailable(), 503),
        (Refusal::upstream_refused_us(), 502),
        (Refusal::upstream_unreachable(), 502),
    ];
    for (refusal, status) in others {
        let response = answer(&refusal, &ReplyTo::Request(id("1")));
        assert_eq!(response.status().as_u16(), status, "{}", refusal.reason);
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE), "{}", refusal.reason);
    }
}

#[test]
fn an_empty_scope_is_not_asked_for() {
    let mut resource = bank();
    resource.default_scope = ScopeSet::default();
    let counted = Counters::default().count(None, chancery_audit::Counter { endpoint: "gateway", reason: "test", row: "" });
    let response =
        respond(&Refusal::no_token(), Some(Told { resource: &resource, tried: Scheme::Bearer }), &ReplyTo::Nobody, None, &counted.into());
    assert!(!challenge_of(&response).contains("scope="));
}

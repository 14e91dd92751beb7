//! What MCP demands of a server that is a protected resource (MCP 2026-07-28, Authorization), where no row of ours says it already.

use bytes::Bytes;
use chancery_testkit::Site;
use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Response};
use serde_json::json;

use crate::upstream::Upstream;
use crate::wire::call;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_2_to_5_the_way_to_a_token_is_told_both_ways_and_asks_for_little() {
    let site = Site::on_sqlite().await;
    let mut mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    mcp.token = None;

    let answer = mcp.send("tools/list", json!({})).await.0;

    let told = answer.has_status(401).challenge("resource_metadata").expect("an address");
    assert_eq!(told, site.url(BANK).replacen("/mcp/", "/.well-known/oauth-protected-resource/mcp/", 1));
    let document = site.program().get(&told).await.has_status(200).json();
    assert_eq!(document["authorization_servers"], json!([site.issuer()]));
    assert_eq!(answer.challenge("scope").as_deref(), Some("bank:read"));
    assert!(!document.to_string().contains("offline_access"), "{document}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_6_and_9_a_token_is_for_this_server_and_comes_in_the_header_of_every_request() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let body = call("account_balance", &json!({})).to_string();
    let post = |url: &str| chancery_testkit::request(Method::POST, url).header(CONTENT_TYPE, "application/json");

    let in_query = post(&format!("{}?access_token={}", site.url(BANK), alice.access)).body(Bytes::from(body.clone())).expect("a request");
    let answer = upstream.left_alone(site.program().send(in_query)).await;
    assert!(answer.has_status(401).header(WWW_AUTHENTICATE).is_some_and(|value| !value.contains("error=")));

    let elsewhere = post(&site.url("exchange")).header(AUTHORIZATION, format!("Bearer {}", alice.access));
    let answer = site.program().send(elsewhere.body(Bytes::from(body)).expect("a request")).await;
    answer.challenged("invalid_token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_7_trouble_with_the_token_with_the_scope_and_with_the_header_are_told_apart() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    let mut garbage = mcp.clone();
    garbage.token = Some("garbage".to_owned());
    upstream.left_alone(garbage.send("tools/list", json!({}))).await.0.has_status(401);
    let mut malformed = mcp.clone();
    malformed.token = Some("two tokens".to_owned());
    upstream.left_alone(malformed.send("tools/list", json!({}))).await.0.has_status(400);
    upstream.left_alone(mcp.send("tools/call", json!({ "name": "transfer" }))).await.challenged("insufficient_scope").has_status(403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_05_the_same_call_draws_the_same_challenge() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    let mut said = Vec::new();
    for _ in 0..3 {
        let refused = upstream.left_alone(mcp.send("tools/call", json!({ "name": "transfer" }))).await;
        said.push(refused.0.has_status(403).header(WWW_AUTHENTICATE).expect("a challenge").to_owned());
    }

    assert!(said.iter().all(|challenge| *challenge == said[0] && challenge.contains("scope=\"bank:read bank:transfer\"")), "{said:?}");
}

/// What a server gives its client to bring back is the server's to check; it goes through unread (`requestState`, and what a
/// server asks a person to open in a browser).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_13_and_1d_44_and_45_what_is_between_client_and_server_goes_through_unread() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK).stateless();

    let state = "eyJzIjoi\u{e9}In0=.sig";
    let wanted = json!({ "resultType": "input_required", "requestState": state, "inputRequests": { "a": {
        "method": "elicitation/create", "params": { "mode": "url", "url": "https://mcp.example/connect?x=1", "message": "m" } } } });
    let params = json!({ "name": "account_balance", "arguments": {}, "requestState": state, "inputResponses": { "a": {} } });
    let called = upstream
        .answers(mcp.send("tools/call", params), |heard| {
            assert_eq!(heard.message()["params"]["requestState"], state);
            heard.json(&json!({ "jsonrpc": "2.0", "id": 1, "result": wanted }));
        })
        .await;
    assert_eq!(called.answered(), wanted);

    let old = mcp.speaking("2025-11-25");
    let error = json!({ "code": -32042, "message": "open this", "data": { "elicitations": [{ "mode": "url", "elicitationId": "e1", "url": "https://mcp.example/connect" }] } });
    let called = upstream
        .answers(old.send("tools/call", json!({ "name": "account_balance" })), |heard| {
            heard.says(Response::builder(), &json!({ "jsonrpc": "2.0", "id": 1, "error": error }).to_string());
        })
        .await;
    assert_eq!(called.denied(200), error);

    let post = old.request(Method::POST).header(CONTENT_TYPE, "application/json").header("mcp-param-region", "=?base64?ZXU=?=");
    let post = post.body(Bytes::from(call("account_balance", &json!({})).to_string())).expect("a request");
    upstream
        .answers(site.program().send(post), |heard| {
            assert_eq!(heard.header("mcp-param-region"), Some("=?base64?ZXU=?="));
            heard.done();
        })
        .await
        .has_status(200);
}

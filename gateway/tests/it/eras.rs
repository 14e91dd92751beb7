//! Both eras of MCP: sessions up to 2025-11-25, and requests that stand alone from 2026-07-28 on.

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Answer, Mcp, Site};
use http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Response};
use serde_json::{Value, json};

use crate::sessions::session_at;
use crate::upstream::{Upstream, done};
use crate::wire::{self, call};

async fn bare(site: &Site, mcp: &Mcp, method: Method) -> Answer {
    site.program().send(mcp.request(method).body(Bytes::new()).expect("a request")).await
}

/// Posts this body under these headers, and no others but the token and its type.
async fn post(site: &Site, mcp: &Mcp, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = chancery_testkit::request(Method::POST, &mcp.url).header(CONTENT_TYPE, "application/json");
    request = request.header("authorization", format!("Bearer {}", mcp.token.as_deref().unwrap_or_default()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    site.program().send(request.body(Bytes::from(body.to_string())).expect("a request")).await
}

fn stateless(method: &str, version: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": {
        "_meta": { "io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {} },
        "unknown": { "kept": [null, 1.50] },
    } })
}

chancery_testkit::both_stores! {
    async fn a_stateless_call_needs_no_session_and_gets_none(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mut mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK).stateless();
        // What an old client would add means nothing here, so it is not even looked at.
        mcp.session = Some("whatever this is".to_owned());

        let discovered = upstream.answers(mcp.send("server/discover", json!({})), |heard| {
            assert_eq!((heard.header("mcp-method"), heard.header("mcp-protocol-version")), (Some("server/discover"), Some("2026-07-28")));
            assert_eq!((heard.header("mcp-session-id"), heard.header("mcp-name")), (None, None));
            let result = json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} } });
            let answer = json!({ "jsonrpc": "2.0", "id": heard.message()["id"], "result": result });
            heard.says(Response::builder().header("mcp-session-id", "unasked"), &answer.to_string());
        }).await;
        assert_eq!(discovered.answered()["supportedVersions"], json!(["2026-07-28"]));
        assert_eq!(discovered.0.header("mcp-session-id"), None);

        let called = upstream.answers(mcp.call("account_balance", json!({})), |heard| {
            assert_eq!(heard.message()["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
            assert_eq!((heard.header("mcp-name"), heard.header("mcp-session-id")), (Some("account_balance"), None));
            heard.done();
        }).await;
        called.answered();
        site.audit().await.only("call_opened").says("target", "account_balance").names(ALICE);
    }

    async fn mcp_1a_15_without_sessions_there_is_post_alone_and_a_token_comes_first(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK).stateless();

        for method in [Method::GET, Method::DELETE] {
            let answer = upstream.left_alone(bare(&site, &mcp, method.clone())).await;
            answer.has_status(405);
            assert_eq!((answer.header(ALLOW), answer.header(WWW_AUTHENTICATE)), (Some("POST"), None));

            let mut nobody = mcp.clone();
            nobody.token = None;
            let answer = upstream.left_alone(bare(&site, &nobody, method)).await;
            assert!(answer.has_status(401).header(WWW_AUTHENTICATE).is_some_and(|value| value.starts_with("Bearer resource_metadata=")));
        }
        assert_eq!(site.audit().await.of_kind("call_refused").len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_15_what_is_not_mirrored_or_mirrored_wrongly_is_refused_with_the_request_s_id() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let body = stateless("tools/list", "2026-07-28");
    let (version, method) = (("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list"));

    for headers in [
        &[version][..],
        &[method],
        &[],
        &[("mcp-protocol-version", "2025-11-25"), method],
        &[version, ("mcp-method", "tools/call")],
        &[version, method, method],
        &[version, version, method],
        &[version, ("mcp-method", "=?base64?dG9vbHMvY2FsbA==?=")],
    ] {
        let answer = upstream.left_alone(post(&site, &mcp, headers, &body)).await;
        let said = answer.has_status(400).json();
        assert_eq!((said["error"]["code"].as_i64(), &said["id"]), (Some(-32020), &json!(7)), "{headers:?}: {said}");
    }
    for method in [method, ("mcp-method", "=?base64?dG9vbHMvbGlzdA==?=")] {
        upstream.answers(post(&site, &mcp, &[version, method], &body), |heard| heard.done()).await.has_status(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_15_a_version_that_nobody_knows_is_told_what_is_spoken() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let headers = [("mcp-protocol-version", "v999.0.0"), ("mcp-method", "server/discover")];

    let answer = upstream.left_alone(post(&site, &mcp, &headers, &stateless("server/discover", "v999.0.0"))).await;

    let said = answer.has_status(400).json();
    assert_eq!((said["error"]["code"].as_i64(), &said["id"]), (Some(-32022), &json!(7)));
    assert_eq!(said["error"]["data"]["supported"], json!(["2026-07-28"]));
    assert_eq!(said["error"]["data"]["requested"], "v999.0.0");
    let unknown = mcp.speaking("2020-01-01");
    upstream.left_alone(bare(&site, &unknown, Method::GET)).await.has_status(400);
}

/// What the upstream itself answers to versions and methods goes through as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_15_the_upstreams_own_refusals_go_through() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK).stateless();

    for (status, code) in [(404, -32601), (400, -32022), (400, -32021), (400, -32602)] {
        let error = json!({ "code": code, "message": "no", "data": { "requiredCapabilities": { "sampling": {} } } });
        let answered = upstream
            .answers(mcp.send("unknown/method", json!({ "unknown": true })), |heard| {
                assert_eq!(heard.message()["params"]["unknown"], true);
                heard.says(Response::builder().status(status), &json!({ "jsonrpc": "2.0", "id": 1, "error": error }).to_string());
            })
            .await;
        assert_eq!(answered.denied(status), error);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_of_the_versions_that_have_them() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let batch = json!([call("account_balance", &json!({})), call("account_balance", &json!({}))]);

    for version in ["2025-06-18", "2025-11-25", "2026-07-28"] {
        let answer = upstream.left_alone(mcp.clone().speaking(version).post(&batch)).await;
        let said = answer.has_status(400).json();
        assert_eq!((said[0]["error"]["data"]["reason"].as_str(), &said[0]["id"]), (Some("no_batches"), &json!(1)), "{version}");
    }
    let answer = upstream
        .answers(mcp.speaking("2025-03-26").post(&batch), |heard| {
            assert_eq!(heard.message(), batch);
            heard.json(&json!([done(&json!(1)), done(&json!(1))]));
        })
        .await;
    assert_eq!(answer.has_status(200).json()[0]["id"], 1);
}

/// A server asks its client something in the middle of a call; the client answers with a post of its own, and cancels another call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_asks_and_its_client_answers_and_cancels() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mut mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    mcp.session = Some(session_at(&mut upstream, &mcp).await);

    let message = call("account_balance", &json!({}));
    let (mut coming, rest) = tokio::join!(wire::post(&mcp, &message), async { upstream.heard().await.streams() });
    let asked = json!({ "jsonrpc": "2.0", "id": "s1", "method": "elicitation/create", "params": { "message": "Which account?" } });
    rest.event(&asked).await;
    assert_eq!(coming.piece().await, format!("event: message\ndata: {asked}\n\n"));

    let accepted = |heard: crate::upstream::Heard| heard.says(Response::builder().status(202), "");
    let reply = json!({ "jsonrpc": "2.0", "id": "s1", "result": { "action": "accept", "content": { "account": "current" } } });
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9, "reason": "no longer" } });
    for message in [reply, cancel] {
        let answer = upstream
            .answers(mcp.post(&message), |heard| {
                assert_eq!(heard.message(), message);
                assert_eq!(heard.header("mcp-session-id"), Some("the-upstream-s-own-id"));
                accepted(heard);
            })
            .await;
        answer.has_status(202);
    }

    rest.event(&done(&json!(1))).await;
    assert!(coming.piece().await.contains("\"result\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_resumed_where_it_broke_off_and_in_its_own_session() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mut mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    mcp.session = Some(session_at(&mut upstream, &mcp).await);
    let get = mcp.request(Method::GET).header("last-event-id", "s1_41").body(Bytes::new()).expect("a request");

    let answer = upstream
        .answers(site.program().send(get), |heard| {
            assert_eq!((heard.header("last-event-id"), heard.header("mcp-session-id")), (Some("s1_41"), Some("the-upstream-s-own-id")));
            heard.says(Response::builder().header(CONTENT_TYPE, "text/event-stream"), "id: s1_42\nretry: 500\ndata: {}\n\n");
        })
        .await;
    assert_eq!(answer.has_status(200).text(), "id: s1_42\nretry: 500\ndata: {}\n\n");

    // Nothing is resumed where there are no sessions.
    let stateless = mcp.stateless().request(Method::POST).header("last-event-id", "s1_41").header(CONTENT_TYPE, "application/json");
    let list = stateless.header("mcp-method", "tools/list").body(Bytes::from(stateless_list()));
    upstream
        .answers(site.program().send(list.expect("a request")), |heard| {
            assert_eq!(heard.header("last-event-id"), None);
            heard.done();
        })
        .await
        .has_status(200);
}

fn stateless_list() -> String {
    stateless("tools/list", "2026-07-28").to_string()
}

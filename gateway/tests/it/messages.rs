//! What a request may hold, and that what is authorised is what the upstream sees.

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Answer, Mcp, Site};
use http::Method;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::upstream::{Upstream, done};
use crate::wire::call;

const JSON: &str = "application/json";

async fn post(site: &Site, mcp: &Mcp, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut request = mcp.request(Method::POST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    site.program().send(request.body(body.into()).expect("a request")).await
}

/// A refusal in JSON-RPC's own envelope, with no challenge.
fn refused(answer: &Answer, status: u16, code: i64) {
    let body = answer.has_status(status).json();
    assert_eq!((&body["jsonrpc"], body["error"]["code"].as_i64()), (&json!("2.0"), Some(code)), "{answer:?}");
    assert!(!answer.text().contains("null"), "{answer:?}");
    assert_eq!(answer.header(WWW_AUTHENTICATE), None, "{answer:?}");
}

chancery_testkit::both_stores! {
    async fn a_batch_passes_whole_and_each_of_its_calls_is_recorded(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/progress" });
        let batch = json!([call("account_balance", &json!({})), note, call("account_balance", &json!({ "account": "savings" }))]);

        let answer = upstream.answers(mcp.clone().speaking("2025-03-26").post(&batch), |heard| {
            assert_eq!(heard.message(), batch);
            heard.json(&json!([done(&json!(1)), done(&json!(1))]));
        }).await;

        assert_eq!(answer.has_status(200).json().as_array().map(Vec::len), Some(2));
        let log = site.audit().await;
        let (opened, closed) = (log.of_kind("call_opened"), log.of_kind("call_closed"));
        assert_eq!((opened.len(), closed.len()), (2, 2));
        for event in &opened {
            assert_eq!(closed.iter().filter(|closed| closed.fields["opened"] == event.id).count(), 1);
        }
    }

    async fn a_batch_passes_whole_or_not_at_all(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let ask = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer");
        let mcp = ask.approved_by(ALICE).await.redeem().await.granted().mcp(BANK);
        let policy = r#"forbid(principal, action == Chancery::Action::"call_tool", resource) when { context.target == "transfer" };"#;
        site.apply(|file| file["policies"] = json!(policy)).await;

        let note = json!({ "jsonrpc": "2.0", "method": "notifications/progress" });
        let mut transfer = call("transfer", &json!({}));
        transfer["id"] = json!("b");
        let batch = json!([call("account_balance", &json!({})), note, transfer]);
        let answer = upstream.left_alone(mcp.clone().speaking("2025-03-26").post(&batch)).await;

        // Each request that waits hears the same; the notification waits for nothing.
        let answers = answer.has_status(200).json();
        let ids: Vec<&Value> = answers.as_array().expect("a batch").iter().map(|answer| &answer["id"]).collect();
        assert_eq!(ids, [&json!(1), &json!("b")]);
        assert!(answers.as_array().expect("a batch").iter().all(|answer| answer["error"]["data"]["reason"] == "denied_by_policy"));
        let log = site.audit().await;
        log.only("call_refused").says("target", "transfer").names(ALICE);
        assert!(log.of_kind("call_opened").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_passes_and_its_202_comes_back() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let response = json!({ "jsonrpc": "2.0", "id": 7, "result": { "roots": [] } });

    for message in [note, response] {
        let answer = upstream
            .answers(mcp.post(&message), |heard| {
                assert_eq!(heard.message(), message);
                heard.says(http::Response::builder().status(202), "");
            })
            .await;
        assert!(answer.has_status(202).body.is_empty());
    }
    assert!(site.audit().await.of_kind("call_opened").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_01_a_call_that_wants_no_answer_is_a_call_all_the_same() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let silent = |tool: &str| json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": tool } });

    upstream.left_alone(mcp.post(&silent("transfer"))).await.challenged("insufficient_scope");
    let answer =
        upstream.answers(mcp.post(&silent("account_balance")), |heard| heard.says(http::Response::builder().status(202), "")).await;
    answer.has_status(202);

    let log = site.audit().await;
    log.only("call_opened").says("target", "account_balance");
    log.only("call_refused").says("target", "transfer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_01_what_two_readers_could_read_differently_reaches_nobody() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"transfer"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"transfer"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call","params":{"name":"transfer"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"account_balance"},"params":{"name":"transfer"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"account_balance"},"PARAMS":{"name":"transfer"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        "[]",
        "7",
    ] {
        let answer = upstream.left_alone(post(&site, &mcp, &[(CONTENT_TYPE.as_str(), JSON)], body)).await;
        refused(&answer, 400, -32600);
    }
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"account_balance","name":"transfer"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"account_balance","Name":"transfer"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["account_balance"]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":7}}"#,
    ] {
        let answer = upstream.left_alone(post(&site, &mcp, &[(CONTENT_TYPE.as_str(), JSON)], body)).await;
        refused(&answer, 400, -32602);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_json_is_told_as_that() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

    for body in [&b""[..], b"{", b"{}{}", b"hello", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", b"\xef\xbb\xbf{}"] {
        let answer = upstream.left_alone(post(&site, &mcp, &[(CONTENT_TYPE.as_str(), JSON)], Bytes::from_static(body))).await;
        refused(&answer, 400, -32700);
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json-seq", "multipart/form-data"] {
        let answer = upstream.left_alone(post(&site, &mcp, &[(CONTENT_TYPE.as_str(), kind)], ping)).await;
        refused(&answer, 415, -32600);
    }
    refused(&upstream.left_alone(post(&site, &mcp, &[], ping)).await, 415, -32600);
}

/// Read as UTF-7, the escaped quotes end the string, and the name that comes last is another tool's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_01_a_body_that_another_charset_reads_differently_goes_nowhere() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let two_faced =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"account_balance","x":"+ACI-,+ACI-name+ACI-:+ACI-transfer"}}"#;

    for kind in ["application/json; charset=utf-7", "application/json;charset=\"utf-16\"", "application/json; charset=utf-8; charset=utf-7"]
    {
        let answer = upstream.left_alone(post(&site, &mcp, &[(CONTENT_TYPE.as_str(), kind)], two_faced)).await;
        refused(&answer, 415, -32600);
    }
    let twice = [(CONTENT_TYPE.as_str(), JSON), (CONTENT_TYPE.as_str(), "application/json; charset=utf-7")];
    refused(&upstream.left_alone(post(&site, &mcp, &twice, two_faced)).await, 415, -32600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_may_be_large_but_not_without_end() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let of_size = |size: usize| call("account_balance", &json!({ "text": "x".repeat(size) })).to_string();

    let large = upstream.answers(post(&site, &mcp, &[(CONTENT_TYPE.as_str(), JSON)], of_size(3 << 20)), |heard| heard.done()).await;
    large.has_status(200);
    let larger = upstream.left_alone(post(&site, &mcp, &[(CONTENT_TYPE.as_str(), JSON)], of_size(5 << 20))).await;
    refused(&larger, 413, -32600);
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let long = upstream.left_alone(mcp.speaking("2025-03-26").post(&json!(vec![ping; 33]))).await;
    refused(&long, 400, -32600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_15_what_the_headers_say_must_be_what_the_body_says() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let body = call("account_balance", &json!({})).to_string();

    for (method, name) in [("tools/list", "account_balance"), ("tools/call", "transfer"), ("Tools/Call", "account_balance"), ("", "")] {
        let headers = [(CONTENT_TYPE.as_str(), JSON), ("mcp-method", method), ("mcp-name", name)];
        refused(&upstream.left_alone(post(&site, &mcp, &headers, body.clone())).await, 400, -32020);
    }
    for name in ["account_balance", "=?base64?YWNjb3VudF9iYWxhbmNl?="] {
        let headers = [(CONTENT_TYPE.as_str(), JSON), ("mcp-method", "tools/call"), ("mcp-name", name)];
        let answer = upstream
            .answers(post(&site, &mcp, &headers, body.clone()), |heard| {
                assert_eq!(heard.header("mcp-name"), Some(name));
                heard.done();
            })
            .await;
        answer.has_status(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_a_live_token_names_its_event() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    let answer = upstream.left_alone(post(&site, &mcp, &[(CONTENT_TYPE.as_str(), JSON)], "hello")).await;

    let reference = answer.json()["error"]["data"]["reference"].as_str().expect("a reference").to_owned();
    let log = site.audit().await;
    log.only("call_refused").says("reason", "not_json").names(ALICE);
    assert_eq!(log.of_kind("call_refused")[0].id, reference);
}

//! What is written down of a call, and that nothing happens that could not be.

use std::collections::BTreeSet;

use chancery_crypto::digest;
use chancery_testkit::cast::{ALICE, BANK, EXCHANGE, PUBLIC_CLIENT};
use chancery_testkit::{Called, Site, Tokens, claims};
use http::header::WWW_AUTHENTICATE;
use serde_json::{Value, json};

use crate::upstream::Upstream;
use crate::wire::{self, call};

async fn bank_of_alice(site: &Site) -> (Upstream, Tokens) {
    let upstream = Upstream::behind(site, BANK).await;
    let ask = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer");
    (upstream, ask.approved_by(ALICE).await.redeem().await.granted())
}

/// Calls stop: nothing of the upstream's, no challenge, and words that say so.
fn stopped(called: &Called) {
    let error = called.denied(503);
    let words = error["message"].as_str().expect("words");
    assert!(words.contains("audit log") && words.contains("try again"), "{words}");
    assert_eq!(called.0.header(WWW_AUTHENTICATE), None, "{called:?}");
    assert!(!called.0.text().contains("done"), "a byte of the answer: {called:?}");
}

fn balance() -> Value {
    json!({ "name": "account_balance" })
}

fn transfer() -> Value {
    json!({ "name": "transfer", "arguments": { "to": "bob", "amount": 5 } })
}

chancery_testkit::both_stores! {
    async fn a_call_is_open_in_the_log_before_the_upstream_hears_of_it(site: Site) {
        let (mut upstream, alice) = bank_of_alice(&site).await;
        let said = alice.claims();
        let digest = digest::hex(&digest::sha256(transfer()["arguments"].to_string().as_bytes()));
        let mcp = alice.mcp(BANK);

        let asking = tokio::spawn(async move { mcp.send("tools/call", transfer()).await });
        let heard = upstream.heard().await;
        let log = site.audit().await;
        let opened = log.only("call_opened").names(ALICE).names(PUBLIC_CLIENT).names(BANK);
        assert!(log.of_kind("call_closed").is_empty());
        heard.done();
        asking.await.expect("no panic").answered();

        let opened = opened.says("method", "tools/call").says("target", "transfer").says("inputs_digest", &digest);
        let opened = opened.says("scope", said["scope"].as_str().expect("a scope")).says("token", said["jti"].as_str().expect("an id"));
        let opened = opened.says("grants", said["grants"][0].as_str().expect("a grant"));
        assert!(opened.field("decision").is_some_and(|decision| decision.starts_with("dec_")), "{opened:?}");
        let id = log.of_kind("call_opened")[0].id.clone();
        let log = site.audit().await;
        let closed = log.only("call_closed").says("opened", &id).says("outcome", "answered").says("status", "200");
        closed.says("target", "transfer").names(ALICE).names(PUBLIC_CLIENT).names(BANK);
    }

    async fn calls_stop_when_the_log_cannot_be_written_and_go_on_when_it_can(site: Site) {
        let (mut upstream, alice) = bank_of_alice(&site).await;
        let mcp = alice.mcp(BANK);
        upstream.answers(mcp.send("tools/call", transfer()), |heard| heard.done()).await.answered();

        site.lose_log().await;
        stopped(&upstream.left_alone(mcp.send("tools/call", transfer())).await);
        stopped(&upstream.left_alone(mcp.send("resources/read", json!({ "uri": "bank://accounts" }))).await);
        stopped(&upstream.left_alone(mcp.send("prompts/get", json!({ "name": "greeting" }))).await);
        site.restore_log().await;

        upstream.answers(mcp.send("tools/call", transfer()), |heard| heard.done()).await.answered();
        let log = site.audit().await;
        assert_eq!((log.of_kind("call_opened").len(), log.of_kind("call_closed").len()), (2, 2));
    }

    async fn not_a_byte_of_a_read_only_tools_answer_comes_before_its_event(site: Site) {
        let (mut upstream, alice) = bank_of_alice(&site).await;
        let mcp = alice.mcp(BANK);
        upstream.answers(mcp.send("tools/call", balance()), |heard| heard.done()).await.answered();

        site.lose_log().await;
        // It goes out meanwhile, since it changes nothing; what comes back stays here.
        stopped(&upstream.answers(mcp.send("tools/call", balance()), |heard| heard.done()).await);
        let message = call("account_balance", &json!({}));
        let (coming, rest) = tokio::join!(wire::post(&mcp, &message), async { upstream.heard().await.streams() });
        assert_eq!(coming.response.status(), 503);
        rest.gone().await;
        site.restore_log().await;

        upstream.answers(mcp.send("tools/call", balance()), |heard| heard.done()).await.answered();
        let log = site.audit().await;
        assert_eq!((log.of_kind("call_opened").len(), log.of_kind("call_closed").len()), (2, 2));
    }

    async fn a_refusal_that_cannot_be_written_is_not_told_as_one(site: Site) {
        let mut upstream = Upstream::behind(&site, EXCHANGE).await;
        let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        site.lose_log().await;
        let elsewhere = upstream.left_alone(alice.mcp(EXCHANGE).send("tools/list", json!({}))).await;
        let beyond = upstream.left_alone(alice.mcp(BANK).send("tools/call", transfer())).await;
        site.restore_log().await;

        stopped(&elsewhere);
        stopped(&beyond);
        assert!(site.audit().await.of_kind("call_refused").is_empty());
    }

    async fn what_is_no_call_is_counted_per_caller_and_method(site: Site) {
        let (mut upstream, alice) = bank_of_alice(&site).await;
        let mcp = alice.mcp(BANK);
        for method in ["initialize", "ping", "ping", "tools/list", "nobody/knows", "nobody/knows/either"] {
            upstream.answers(mcp.send(method, json!({})), |heard| heard.done()).await.answered();
        }
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled" });
        upstream.answers(mcp.post(&note), |heard| heard.says(http::Response::builder().status(202), "")).await.has_status(202);

        assert!(site.audit().await.of_kind("calls_counted").is_empty());
        site.summarise().await;

        let log = site.audit().await;
        let counts: BTreeSet<(&str, &str)> =
            log.of_kind("calls_counted").iter().map(|event| (event.fields["method"].as_str(), event.fields["count"].as_str())).collect();
        let expected = [("initialize", "1"), ("notifications", "1"), ("other", "2"), ("ping", "2"), ("tools/list", "1")];
        assert_eq!(counts, BTreeSet::from(expected));
        for event in log.of_kind("calls_counted") {
            assert_eq!((event.fields["subject"].as_str(), event.fields["resource"].as_str()), (subject(&alice).as_str(), site.url(BANK).as_str()));
        }
        assert!(log.of_kind("call_opened").is_empty());
    }
}

fn subject(tokens: &Tokens) -> String {
    claims(&tokens.access)["sub"].as_str().expect("a subject").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_registry_says_which_tools_only_read_and_never_the_upstream() {
    let site = Site::on_sqlite().await;
    let (mut upstream, alice) = bank_of_alice(&site).await;
    let mcp = alice.mcp(BANK);
    let hint = json!({ "tools": [{ "name": "transfer", "inputSchema": {}, "annotations": { "readOnlyHint": true } }] });
    let listed = upstream
        .answers(mcp.send("tools/list", json!({})), |heard| {
            heard.json(&json!({ "jsonrpc": "2.0", "id": 1, "result": hint }));
        })
        .await;
    listed.answered();
    upstream.answers(mcp.send("tools/call", transfer()), |heard| heard.done()).await.answered();

    site.lose_log().await;
    stopped(&upstream.left_alone(mcp.send("tools/call", transfer())).await);
    site.restore_log().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_says_whether_the_answer_was_an_error() {
    let site = Site::on_sqlite().await;
    let (mut upstream, alice) = bank_of_alice(&site).await;
    let mcp = alice.mcp(BANK);

    for (answer, outcome) in [
        (json!({ "result": { "content": [] } }), "answered"),
        (json!({ "result": { "content": [], "isError": true } }), "answered_error"),
        (json!({ "error": { "code": -32602, "message": "no such tool" } }), "answered_error"),
    ] {
        let mut message = json!({ "jsonrpc": "2.0", "id": 1 });
        message.as_object_mut().expect("an object").append(&mut answer.as_object().expect("an object").clone());
        upstream.answers(mcp.send("tools/call", transfer()), |heard| heard.json(&message)).await.0.has_status(200);
        site.audit().await.last(ALICE).is("call_closed").says("outcome", outcome).says("status", "200");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_carries_its_callers_trace_into_the_log() {
    let site = Site::on_sqlite().await;
    let (mut upstream, alice) = bank_of_alice(&site).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let mcp = alice.mcp(BANK);
    let post = mcp
        .request(http::Method::POST)
        .header("content-type", "application/json")
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .body(bytes::Bytes::from(call("transfer", &json!({})).to_string()));

    upstream.answers(site.program().send(post.expect("a request")), |heard| heard.done()).await.has_status(200);

    site.audit().await.only("call_opened").says("trace", trace);
}

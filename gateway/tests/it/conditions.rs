//! What policies may ask of a call's circumstances, and that no refusal of theirs looks like trouble with a token.

use std::time::Duration;

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Answer, Mcp, Site};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Response};
use serde_json::{Value, json};

use crate::upstream::{Upstream, resource};
use crate::wire;

async fn policy(site: &Site, condition: &str) {
    let text = format!(r#"@id("it") forbid(principal, action == Chancery::Action::"call_tool", resource) unless {{ {condition} }};"#);
    site.apply(|file| file["policies"] = json!(text)).await;
}

fn balance() -> Value {
    json!({ "name": "account_balance", "arguments": {} })
}

async fn passes(upstream: &mut Upstream, mcp: &Mcp) {
    upstream.answers(mcp.send("tools/call", balance()), |heard| heard.done()).await.answered();
}

async fn is_denied(upstream: &mut Upstream, mcp: &Mcp) {
    let denied = upstream.left_alone(mcp.send("tools/call", balance())).await.denied(200);
    assert_eq!(denied["data"]["reason"], "denied_by_policy");
}

chancery_testkit::both_stores! {
    async fn a_policy_may_ask_what_time_it_is(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let hour = site.now().seconds().rem_euclid(86_400) / 3_600;

        policy(&site, &format!("context.hour == {hour}")).await;
        passes(&mut upstream, &tokens.mcp(BANK)).await;

        site.turn(Duration::from_hours(1));
        let later = tokens.refresh().await.granted();
        is_denied(&mut upstream, &later.mcp(BANK)).await;
    }

    async fn a_policy_may_ask_how_and_when_somebody_signed_in(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        policy(&site, r#"context has acr && context.acr == "phr""#).await;
        is_denied(&mut upstream, &tokens.mcp(BANK)).await;
        policy(&site, r#"context has acr && context.acr == "urn:chancery:demo:no-password" && context has auth_age && context.auth_age <= 300"#).await;
        passes(&mut upstream, &tokens.mcp(BANK)).await;

        site.turn(Duration::from_secs(301));
        let later = tokens.refresh().await.granted();
        is_denied(&mut upstream, &later.mcp(BANK)).await;
    }
}

/// A reader that rounds takes each of them for a thousand, or for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_01_a_number_that_rounds_passes_for_no_other() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let integers = r#"context.arguments.integers.hasTag("amount") && context.arguments.integers.getTag("amount") <= 1000"#;
    let decimals =
        r#"context.arguments.decimals.hasTag("amount") && context.arguments.decimals.getTag("amount").lessThanOrEqual(decimal("1000.0"))"#;
    let sends = |amount: &str| {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"account_balance","arguments":{{"amount":{amount}}}}}}}"#
        );
        let post = mcp.request(Method::POST).header(CONTENT_TYPE, "application/json").body(Bytes::from(body)).expect("a request");
        let program = site.program();
        async move { program.send(post).await }
    };

    for condition in [integers, decimals] {
        policy(&site, condition).await;
        for small in ["1000", "1E3", "1000.00", "-0", "1e-0"] {
            upstream.answers(sends(small), |heard| heard.done()).await.has_status(200);
        }
        for large in ["1000.0000000000000001", "1e-400", "9007199254740993", "100000000000000000000", "1e300", "1001"] {
            let denied: Answer = upstream.left_alone(sends(large)).await;
            assert_eq!(denied.has_status(200).json()["error"]["data"]["reason"], "denied_by_policy", "{large}");
        }
        assert_eq!(upstream.left_alone(sends("1e400")).await.has_status(400).json()["error"]["code"], -32602);
    }
}

/// Some clients take any 401 or 403 for trouble with their registration, and register anew (facts of the MCP clients, 3.15).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_3_15_what_no_token_could_cure_is_never_a_401_or_403() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let mut said = Vec::new();
    let mut hear = |answer: Answer| said.push((answer.status.as_u16(), answer.header(WWW_AUTHENTICATE).is_some(), answer.text()));

    for body in ["hello", "[]", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#] {
        let post = mcp.request(Method::POST).header(CONTENT_TYPE, "application/json").body(Bytes::from(body)).expect("a request");
        hear(upstream.left_alone(site.program().send(post)).await);
    }
    let mut stranger = mcp.clone();
    stranger.session = Some("of-nobody".to_owned());
    hear(upstream.left_alone(stranger.send("ping", json!({}))).await.0);
    hear(upstream.left_alone(mcp.clone().speaking("1900-01-01").send("ping", json!({}))).await.0);
    hear(upstream.left_alone(site.program().send(mcp.request(Method::PUT).body(Bytes::new()).expect("a request"))).await);
    for status in [301, 401, 403, 407, 500] {
        let said = Response::builder().status(status).header(WWW_AUTHENTICATE, "Bearer realm=\"theirs\"");
        hear(upstream.answers(mcp.send("tools/call", balance()), |heard| heard.says(said, "{}")).await.0);
    }
    hear(upstream.answers(mcp.send("tools/call", balance()), drop).await.0);
    for (key, value) in [("strict", json!(true)), ("require_agent", json!(true))] {
        site.apply(|file| resource(file, BANK)[key] = value).await;
        hear(upstream.left_alone(mcp.send("tools/call", json!({ "name": "close_account" }))).await.0);
    }
    site.apply(|file| resource(file, BANK)["require_agent"] = json!(false)).await;
    policy(&site, "false").await;
    hear(upstream.left_alone(mcp.send("tools/call", balance())).await.0);
    hear(upstream.left_alone(mcp.post(&json!({ "jsonrpc": "2.0", "method": "tools/call", "params": balance() }))).await);

    assert_eq!(said.len(), 16);
    for (status, challenged, text) in said {
        assert!(!matches!(status, 401 | 403 | 407) && !challenged, "{status}: {text}");
    }
}

/// The limits of the file hold for streams: the one that says nothing, and the one that never ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_as_silent_and_as_long_as_the_file_allows() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    for (limits, reason) in [(json!({ "idle": "1s" }), "stream_silent"), (json!({ "absolute": "1s" }), "stream_long")] {
        site.apply(|file| resource(file, BANK)["upstream"] = json!({ "url": upstream.url, "limits": limits })).await;
        let message = wire::call("account_balance", &json!({}));
        let (mut coming, rest) = tokio::join!(wire::post(&mcp, &message), async { upstream.heard().await.streams() });
        let last = coming.piece().await;
        assert!(last.contains(reason) && last.contains("\"id\":1"), "{last}");
        assert!(coming.next().await.is_none(), "the stream goes on");
        rest.gone().await;
        site.audit().await.last(ALICE).is("call_closed").says("outcome", "timed_out");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_has_so_many_under_way_whoever_uses_it() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    site.apply(|file| resource(file, BANK)["upstream"] = json!({ "url": upstream.url, "limits": { "per_client": 1 } })).await;
    let [alice, bob] = [ALICE, chancery_testkit::cast::BOB].map(|person| site.sign_in(person, PUBLIC_CLIENT));
    let (alice, bob) = (alice.await.mcp(BANK), bob.await.mcp(BANK));
    let (coming, rest) = tokio::join!(wire::get(&alice), async { upstream.heard().await.streams() });

    let refused = upstream.left_alone(bob.send("tools/call", balance())).await;
    assert_eq!(refused.denied(429)["data"]["reason"], "too_many_at_once");

    drop(coming);
    rest.gone().await;
    passes(&mut upstream, &bob).await;
}

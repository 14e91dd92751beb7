//! What an operator says of an upstream: what it is shown, whom it is believed by, its replicas, its limits.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Site, private};
use http::header::CONTENT_TYPE;
use http::{Method, Response};
use serde_json::{Value, json};

use crate::upstream::{Heard, PATIENCE, Upstream, done, resource};
use crate::wire;

async fn upstream_is(site: &Site, upstream: Value) {
    site.apply(|file| resource(file, BANK)["upstream"] = upstream).await;
}

fn balance() -> Value {
    json!({ "name": "account_balance" })
}

chancery_testkit::both_stores! {
    async fn mc_02_an_upstream_may_be_shown_a_sealed_header_or_nothing(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

        site.secret("env:BANK_KEY", "k3y-of-the-bank");
        upstream_is(&site, json!({ "url": upstream.url, "header": { "name": "X-Api-Key", "value": "env:BANK_KEY" } })).await;
        upstream.answers(mcp.send("tools/call", balance()), |heard| {
            assert_eq!((heard.header("x-api-key"), heard.header("authorization")), (Some("k3y-of-the-bank"), None));
            heard.done();
        }).await.answered();

        // Another secret is another upstream at once, and what a caller sends under that name never counts.
        site.secret("env:BANK_KEY", "Bearer another");
        upstream_is(&site, json!({ "url": upstream.url, "header": { "name": "Authorization", "value": "env:BANK_KEY" } })).await;
        upstream.answers(mcp.send("tools/call", balance()), |heard| {
            assert_eq!((heard.header("x-api-key"), heard.header("authorization")), (None, Some("Bearer another")));
            heard.done();
        }).await.answered();

        upstream_is(&site, json!({ "url": upstream.url, "credential": "none" })).await;
        upstream.answers(mcp.send("tools/call", balance()), |heard| {
            assert_eq!((heard.header("x-api-key"), heard.header("authorization")), (None, None));
            heard.done();
        }).await.answered();

        let log = site.audit().await;
        assert!(log.of_kind("upstream_token_issued").is_empty());
        for event in &log.events {
            assert!(event.fields.values().all(|value| !value.contains("k3y-of") && !value.contains("Bearer another")), "{event:?}");
        }
    }

    async fn mc_07_a_session_stays_with_the_replica_that_knows_it(site: Site) {
        let (mut one, mut other) = (Upstream::behind(&site, BANK).await, Upstream::behind(&site, BANK).await);
        upstream_is(&site, json!({ "url": one.url, "replicas": [other.url] })).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        for (at, session) in ["of-one", "of-other"].into_iter().enumerate() {
            let mut mcp = tokens.mcp(BANK);
            let hello = mcp.send("initialize", json!({}));
            let here = if at == 0 { &mut one } else { &mut other };
            let opened = here.answers(hello, |heard| {
                let body = done(&heard.message()["id"]).to_string();
                heard.says(Response::builder().header("mcp-session-id", session), &body);
            }).await;
            mcp.session = opened.0.header("mcp-session-id").map(str::to_owned);
            assert!(mcp.session.as_ref().is_some_and(|sealed| !sealed.contains(session)));
            for _ in 0..3 {
                let call = mcp.send("tools/call", balance());
                here.answers(call, |heard| {
                    assert_eq!(heard.header("mcp-session-id"), Some(session));
                    heard.done();
                }).await.answered();
            }
            // A replica that is no more takes its sessions with it; what else it had goes to the other one.
            if at == 1 {
                upstream_is(&site, json!({ "url": one.url })).await;
                mcp.send("tools/call", balance()).await.denied(404);
            }
        }
    }

    async fn a_replica_that_is_down_is_passed_over_and_left_alone(site: Site) {
        let mut alive = Upstream::behind(&site, BANK).await;
        let (_nobody, base) = chancery_testkit::nobody();
        upstream_is(&site, json!({ "url": format!("{base}/mcp"), "replicas": [alive.url] })).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

        for _ in 0..12 {
            alive.answers(mcp.send("tools/call", balance()), |heard| heard.done()).await.answered();
        }

        // Nobody is asked any more where all of them rest.
        upstream_is(&site, json!({ "url": format!("{base}/mcp") })).await;
        for _ in 0..5 {
            assert_eq!(mcp.send("tools/call", balance()).await.denied(502)["data"]["reason"], "upstream_unreachable");
        }
        assert_eq!(mcp.send("tools/call", balance()).await.denied(502)["data"]["reason"], "upstream_resting");
        site.turn(Duration::from_secs(2));
        assert_eq!(mcp.send("tools/call", balance()).await.denied(502)["data"]["reason"], "upstream_unreachable");
        site.audit().await.last(ALICE).is("call_closed").says("outcome", "upstream_failed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_authority_and_a_certificate_of_the_gateways_own() {
    let site = Site::on_sqlite().await;
    let url = private::start().await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let (chain, key) = private::GATEWAY;
    for (name, secret) in [("env:CA", private::AUTHORITY), ("env:CHAIN", chain), ("env:KEY", key)] {
        site.secret(name, secret);
    }
    let reason = async |upstream: Value| {
        upstream_is(&site, upstream).await;
        mcp.send("tools/call", balance()).await.denied(502)["data"]["reason"].clone()
    };
    assert_eq!(reason(json!({ "url": url })).await, "upstream_unreachable", "nobody vouches for it");
    let without = reason(json!({ "url": url, "authority": "env:CA" })).await;
    assert!(without == "upstream_unreachable" || without == "upstream_broke_off", "{without}: it proves nothing of itself");

    let both = json!({ "url": url, "authority": "env:CA", "certificate": { "chain": "env:CHAIN", "key": "env:KEY" } });
    upstream_is(&site, both).await;
    assert_eq!(mcp.send("tools/call", balance()).await.answered()["content"][0]["text"], "private");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_never_begins_is_given_up_and_never_asked_twice() {
    let site = Site::on_sqlite().await;
    let (mut one, mut other) = (Upstream::behind(&site, BANK).await, Upstream::behind(&site, BANK).await);
    upstream_is(&site, json!({ "url": one.url, "replicas": [other.url], "limits": { "first_byte": "1s" } })).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    let called = other.left_alone(async {
        let (called, mut heard) = tokio::join!(mcp.send("tools/call", balance()), one.heard());
        heard.gone().await;
        called
    });
    assert_eq!(called.await.denied(502)["data"]["reason"], "upstream_broke_off");
    site.audit().await.last(ALICE).is("call_closed").says("outcome", "upstream_failed").says("reason", "upstream_broke_off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_has_so_many_under_way_and_no_more() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    upstream_is(&site, json!({ "url": upstream.url, "limits": { "per_subject": 2 } })).await;
    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mcp = tokens.mcp(BANK);
        let (coming, rest) = tokio::join!(wire::get(&mcp), async { upstream.heard().await.streams() });
        held.push((coming, rest));
    }

    let refused = upstream.left_alone(tokens.mcp(BANK).send("tools/call", balance())).await;
    assert_eq!(refused.denied(429)["data"]["reason"], "too_many_at_once");
    let log = site.audit().await;
    assert!(log.of_kind("call_opened").is_empty());
    log.last(ALICE).says("reason", "too_many_at_once");

    let (coming, rest) = held.pop().expect("two");
    drop(coming);
    rest.gone().await;
    upstream.answers(tokens.mcp(BANK).send("tools/call", balance()), |heard| heard.done()).await.answered();
}

/// Over HTTP/2 a client that hangs takes nothing: what the server has said in full keeps nobody from asking again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_has_ended_keeps_no_place_though_nobody_takes_it() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    upstream_is(&site, json!({ "url": upstream.url, "limits": { "per_subject": 1 } })).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let message = wire::call("account_balance", &json!({}));
    let asking = wire::post_and_take_nothing(&mcp, &message);
    let (stuck, rest) = tokio::join!(asking, async { upstream.heard().await.streams() });
    rest.text(": begun\n\n").await;
    let refused = upstream.left_alone(mcp.send("tools/call", balance())).await;
    assert_eq!(refused.denied(429)["data"]["reason"], "too_many_at_once");

    rest.event(&done(&json!(1))).await;
    drop(rest);

    let asking_again = async { while site.program().send(mcp.posting(&message)).await.status == 429 {} };
    upstream.answers(tokio::time::timeout(PATIENCE, asking_again), Heard::done).await.expect("its place is kept");
    drop(stuck); // it has waited all the while
}

/// But it is held, and so as many are counted as may be under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_so_many_lists_are_held_for_who_does_not_take_them() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    upstream_is(&site, json!({ "url": upstream.url, "limits": { "per_subject": 1 } })).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let long = json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": [], "_meta": { "x": "x".repeat(100_000) } } });
    let again = wire::call("account_balance", &json!({}));

    let first = upstream.answers(wire::post_and_take_nothing(&mcp, &list), |heard| heard.json(&long)).await;
    let asking_again = async { while site.program().send(mcp.posting(&again)).await.status == 429 {} };
    upstream.answers(tokio::time::timeout(PATIENCE, asking_again), Heard::done).await.expect("its place is kept");

    let second = upstream.answers(wire::post_and_take_nothing(&mcp, &list), |heard| heard.json(&long)).await;
    for _ in 0..20 {
        let refused = upstream.left_alone(mcp.send("tools/call", balance())).await;
        assert_eq!(refused.denied(429)["data"]["reason"], "too_many_at_once");
    }

    drop(first);
    let asking_again = async { while site.program().send(mcp.posting(&again)).await.status == 429 {} };
    upstream.answers(tokio::time::timeout(PATIENCE, asking_again), Heard::done).await.expect("what has gone is counted");
    drop(second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_compressed_is_refused_in_words_either_way() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    let post = mcp.request(Method::POST).header(CONTENT_TYPE, "application/json").header("content-encoding", "gzip");
    let refused = upstream.left_alone(site.program().send(post.body(vec![0x1f, 0x8b].into()).expect("a request"))).await;
    assert_eq!(refused.has_status(415).json()["error"]["data"]["reason"], "compressed");

    let called = upstream.answers(mcp.send("tools/call", balance()), |heard| {
        assert_eq!(heard.header("accept-encoding"), Some("identity"));
        heard.says(Response::builder().header("content-encoding", "gzip"), "\u{1f}");
    });
    assert_eq!(called.await.denied(502)["data"]["reason"], "upstream_compressed");
    site.audit().await.last(ALICE).is("call_closed").says("outcome", "upstream_failed");
}

#[expect(clippy::disallowed_methods, reason = "a client of the gateway, byte by byte")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let site = Site::on_sqlite().await;
    let token = site.sign_in(ALICE, PUBLIC_CLIENT).await.access;
    let (_, host) = site.base().split_once("//").expect("a URL");
    for body in [
        "content-length: 4194305\r\n\r\n".to_owned(),
        format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{}", 5 << 20, "[".repeat((4 << 20) + 1)),
    ] {
        let mut stream = tokio::net::TcpStream::connect(host).await.expect("the gateway listens");
        let head =
            format!("POST /mcp/bank HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n{body}");
        stream.write_all(head.as_bytes()).await.expect("it is taken");
        let mut answer = vec![0; 12];
        tokio::time::timeout(crate::upstream::PATIENCE, stream.read_exact(&mut answer)).await.expect("at once").expect("an answer");
        assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
    }
}

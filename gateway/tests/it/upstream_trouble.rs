//! What is wrong behind the gateway is told as that, and never as if the client's token were at fault.

use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Called, Mcp, Site};
use http::Response;
use http::header::WWW_AUTHENTICATE;
use serde_json::{Value, json};

use crate::upstream::{Upstream, put_behind};

fn balance() -> Value {
    json!({ "name": "account_balance" })
}

async fn answered_with(upstream: &mut Upstream, mcp: &Mcp, status: u16, challenge: Option<&str>) -> Called {
    let call = mcp.send("tools/call", balance());
    upstream
        .answers(call, |heard| {
            let mut head = Response::builder().status(status);
            if let Some(challenge) = challenge {
                head = head.header(WWW_AUTHENTICATE, challenge);
            }
            heard.says(head, r#"{"theirs":true}"#);
        })
        .await
}

/// A typed error of ours that answers the request: no challenge, nothing of theirs, and words.
fn told(called: &Called, reason: &str, says: &str) {
    let error = called.denied(502);
    assert_eq!(error["data"]["reason"], reason, "{called:?}");
    assert!(error["message"].as_str().is_some_and(|words| words.contains("behind the gateway") && words.contains(says)), "{called:?}");
    assert_eq!(called.message()["id"], 1);
    assert_eq!(called.0.header(WWW_AUTHENTICATE), None, "clients would sign in again: {called:?}");
    assert!(!called.0.text().contains("theirs"), "{called:?}");
}

chancery_testkit::both_stores! {
    async fn mc_02_an_upstreams_401_is_never_ours(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

        for (status, challenge) in [
            (401, None),
            (401, Some(r#"Bearer error="invalid_token", resource_metadata="https://evil.example""#)),
            (403, None),
            (403, Some(r#"Bearer error="invalid_token""#)),
            (403, Some(r#"Bearer error="insufficient_scope", scope="theirs:alone""#)),
            (403, Some(r#"Bearer error="insufficient_scope", scope="bank:read""#)),
            (407, Some("Basic")),
        ] {
            told(&answered_with(&mut upstream, &mcp, status, challenge).await, "upstream_refused_us", "its operator must let it in");
            let log = site.audit().await;
            log.last(ALICE).is("call_closed").says("outcome", "upstream_failed").says("reason", "upstream_refused_us");
        }
    }

    async fn mc_01_a_scope_that_the_upstream_wants_and_the_map_knows_is_asked_for(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
        let wants = r#"Bearer error="insufficient_scope", scope="bank:transfer", resource_metadata="https://evil.example""#;

        let called = answered_with(&mut upstream, &mcp, 403, Some(wants)).await;

        let answer = called.challenged("insufficient_scope");
        let mut scopes: Vec<_> = answer.challenge("scope").expect("scopes").split(' ').map(str::to_owned).collect();
        scopes.sort_unstable();
        assert_eq!(scopes, ["bank:read", "bank:transfer"]);
        let expected = format!("{}/.well-known/oauth-protected-resource/mcp/bank", site.base());
        assert_eq!(answer.challenge("resource_metadata"), Some(expected), "ours, not theirs");
    }

    async fn an_upstream_that_is_down_is_told_as_that(site: Site) {
        let (_nobody, base) = chancery_testkit::nobody();
        put_behind(&site, BANK, &format!("{base}/mcp")).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

        told(&mcp.send("tools/call", balance()).await, "upstream_unreachable", "try again later");

        let log = site.audit().await;
        log.only("call_closed").says("outcome", "upstream_failed").says("reason", "upstream_unreachable").names(ALICE);
    }

    async fn an_upstream_that_breaks_off_may_have_done_it(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let ask = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer");
        let mcp = ask.approved_by(ALICE).await.redeem().await.granted().mcp(BANK);

        let call = mcp.send("tools/call", json!({ "name": "transfer", "arguments": { "to": "bob", "amount": 5 } }));
        let called = upstream.answers(call, drop).await;

        told(&called, "upstream_broke_off", "may have been carried out");
        site.audit().await.only("call_closed").says("outcome", "upstream_failed").says("reason", "upstream_broke_off");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_not_followed() {
    let site = Site::on_sqlite().await;
    let mut elsewhere = Upstream::behind(&site, BANK).await;
    let target = elsewhere.url.clone();
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    for status in [301, 302, 303, 307, 308, 304] {
        let called = async {
            let call = mcp.send("tools/call", balance());
            let head = Response::builder().status(status).header("location", &target);
            upstream.answers(call, |heard| heard.says(head, "")).await
        };
        let called = elsewhere.left_alone(called).await;
        told(&called, "upstream_redirected", "not followed");
        assert_eq!(called.0.header("location"), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_upstream_says_of_the_request_itself_goes_through() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    for status in [400, 404, 405, 406, 409, 422, 429, 500, 501, 503] {
        let called = answered_with(&mut upstream, &mcp, status, Some("Bearer")).await;
        assert_eq!(called.0.has_status(status).json(), json!({ "theirs": true }));
        assert_eq!(called.0.header(WWW_AUTHENTICATE), None, "{called:?}");
        let said = status.to_string();
        site.audit().await.last(ALICE).is("call_closed").says("outcome", "answered_error").says("status", &said);
    }
}

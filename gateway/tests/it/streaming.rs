//! Answers come through piece by piece as they are made, and what happens at either end is known at the other.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Mcp, Revocable, Site, Tokens};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::upstream::{PATIENCE, Rest, Upstream, done};
use crate::wire::{self, Coming, call};

fn progress(at: u32) -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": "p", "progress": at } })
}

/// Calls a tool whose answer is a stream; both ends of it.
async fn stream(upstream: &mut Upstream, mcp: &Mcp, tool: &str) -> (Coming, Rest) {
    let message = call(tool, &json!({}));
    let (coming, rest) = tokio::join!(wire::post(mcp, &message), async { upstream.heard().await.streams() });
    assert_eq!(coming.response.status(), 200);
    assert_eq!(coming.response.headers()[CONTENT_TYPE], "text/event-stream");
    (coming, rest)
}

async fn bank_of_alice(site: &Site) -> (Upstream, Tokens) {
    let upstream = Upstream::behind(site, BANK).await;
    let ask = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer");
    (upstream, ask.approved_by(ALICE).await.redeem().await.granted())
}

chancery_testkit::both_stores! {
    async fn each_event_of_a_stream_comes_through_before_the_next_is_made(site: Site) {
        let (mut upstream, alice) = bank_of_alice(&site).await;

        for tool in ["account_balance", "transfer"] {
            let (mut coming, rest) = stream(&mut upstream, &alice.mcp(BANK), tool).await;
            for at in 1..=3 {
                rest.event(&progress(at)).await;
                assert_eq!(coming.piece().await, format!("event: message\ndata: {}\n\n", progress(at)));
            }
            assert!(site.audit().await.of_kind("call_closed").iter().all(|event| event.fields["target"] != tool), "it has not ended");
            rest.event(&done(&json!(1))).await;
            assert!(coming.piece().await.contains("\"result\""));
            drop(rest);
            assert!(coming.next().await.is_none());

            let log = site.audit().await;
            log.last(ALICE).is("call_closed").says("outcome", "answered").says("status", "200").says("target", tool);
        }
        assert_eq!(site.audit().await.of_kind("call_opened").len(), 2);
    }

    async fn a_client_that_hangs_up_cancels_the_upstream(site: Site) {
        let (mut upstream, alice) = bank_of_alice(&site).await;
        let (mut coming, rest) = stream(&mut upstream, &alice.mcp(BANK), "transfer").await;
        rest.event(&progress(1)).await;
        coming.piece().await;

        drop(coming);

        rest.gone().await;
        let log = site.audit().await;
        let opened = log.only("call_opened").field("target").map(str::to_owned);
        assert_eq!(opened.as_deref(), Some("transfer"));
        log.only("call_closed").says("outcome", "client_gone").names(ALICE).names(PUBLIC_CLIENT).names(BANK);
    }

    async fn a_client_that_hangs_up_before_the_answer_cancels_the_upstream(site: Site) {
        let (mut upstream, alice) = bank_of_alice(&site).await;

        for (before, tool) in ["account_balance", "transfer"].into_iter().enumerate() {
            let mcp = alice.mcp(BANK);
            let asking = tokio::spawn(async move { wire::post(&mcp, &call(tool, &json!({}))).await });
            let mut heard = upstream.heard().await;
            asking.abort();
            heard.gone().await;

            let log = site.audit().await;
            assert_eq!(log.of_kind("call_closed").len(), before + 1);
            log.last(ALICE).is("call_closed").says("outcome", "client_gone").says("target", tool);
        }
    }

    async fn an_upstream_that_breaks_off_is_seen_to_have_done_so(site: Site) {
        let (mut upstream, alice) = bank_of_alice(&site).await;
        let (mut coming, rest) = stream(&mut upstream, &alice.mcp(BANK), "transfer").await;
        rest.event(&progress(1)).await;
        coming.piece().await;

        rest.break_off().await;

        let last = coming.piece().await;
        assert!(last.contains("\"upstream_broke_off\"") && last.contains("\"id\":1"), "the client waits for ever: {last}");
        assert!(coming.next().await.is_none(), "a proper end");
        site.audit().await.only("call_closed").says("outcome", "upstream_failed").says("target", "transfer");
    }

    async fn an_hour_of_progress_outlives_the_token_and_ends_with_the_grant(site: Site) {
        let (mut upstream, alice) = bank_of_alice(&site).await;
        let (mut coming, rest) = stream(&mut upstream, &alice.mcp(BANK), "transfer").await;

        for minute in 1..=60 {
            site.turn(Duration::from_secs(60));
            rest.event(&progress(minute)).await;
            assert!(coming.piece().await.contains(&progress(minute).to_string()));
        }

        // The token has run out for whatever is asked anew; what was let through goes on, and stands for the same grant.
        alice.call(BANK, "account_balance").await.challenged("invalid_token");
        let grant = alice.claims()["grants"][0].as_str().expect("a grant").to_owned();
        site.revoke(Revocable::Grant, &grant).await.expect("it is alive");
        let last = coming.piece().await;
        assert!(last.contains("\"reason\":\"grant_ended\""), "a stream goes on for a grant that was ended: {last}");
        assert!(coming.next().await.is_none());
        rest.gone().await;
        site.audit().await.only("call_closed").says("outcome", "cut");
    }

    async fn a_stream_is_cut_when_what_it_stands_for_is_ended(site: Site) {
        let (mut upstream, first) = bank_of_alice(&site).await;
        let second = first.refresh().await.granted();
        let third = second.refresh().await.granted();
        let (mut coming, rest) = stream(&mut upstream, &third.mcp(BANK), "transfer").await;
        rest.event(&progress(1)).await;
        coming.piece().await;

        // A refresh token that was used comes back, which ends the grant (OA-13). Nothing is said on the stream any more.
        first.refresh().await.refused(400, "invalid_grant");

        let last = coming.piece().await;
        assert!(last.contains("\"error\"") && last.contains("may have been carried out"), "it ends as if it were whole: {last}");
        assert!(coming.next().await.is_none());
        rest.gone().await;
        site.audit().await.only("call_closed").says("outcome", "cut").names(ALICE).names(BANK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_may_outlive_the_token_it_began_with() {
    let site = Site::on_sqlite().await;
    let (mut upstream, alice) = bank_of_alice(&site).await;
    let (mut coming, rest) = stream(&mut upstream, &alice.mcp(BANK), "transfer").await;

    site.turn(Duration::from_secs(3600));
    rest.event(&done(&json!(1))).await;
    drop(rest);

    assert!(coming.piece().await.contains("\"result\""));
    assert!(coming.next().await.is_none());
    site.audit().await.only("call_closed").says("outcome", "answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_streams_and_hangs_up_as_http_1_does() {
    let site = Site::on_sqlite().await;
    let (mut upstream, alice) = bank_of_alice(&site).await;
    let (mcp, message) = (alice.mcp(BANK), call("transfer", &json!({})));

    let (mut coming, rest) = tokio::join!(wire::post_by_http_2(&mcp, &message), async { upstream.heard().await.streams() });
    assert_eq!((coming.response.status().as_u16(), coming.response.version()), (200, http::Version::HTTP_2));
    for at in 1..=2 {
        rest.event(&progress(at)).await;
        assert!(coming.piece().await.contains(&progress(at).to_string()));
    }
    drop(coming);
    rest.gone().await;

    site.audit().await.only("call_closed").says("outcome", "client_gone").names(ALICE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_get_opens_the_upstreams_own_stream() {
    let site = Site::on_sqlite().await;
    let (mut upstream, alice) = bank_of_alice(&site).await;
    let mcp = alice.mcp(BANK);

    let (mut coming, rest) = tokio::join!(wire::get(&mcp), async { upstream.heard().await.streams() });
    rest.text(": still here\n\n").await;
    assert_eq!(coming.piece().await, ": still here\n\n");
    rest.event(&progress(1)).await;
    assert!(coming.piece().await.contains("progress"));
    drop(coming);
    rest.gone().await;

    // No call, so no event; it is counted for its caller.
    site.summarise().await;
    let log = site.audit().await;
    assert!(log.of_kind("call_opened").is_empty() && log.of_kind("call_closed").is_empty());
    log.only("calls_counted").says("method", "stream").says("count", "1").names(ALICE).names(PUBLIC_CLIENT).names(BANK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_streams_of_one_client_do_not_wait_for_each_other() {
    let site = Site::on_sqlite().await;
    let (mut upstream, alice) = bank_of_alice(&site).await;
    let (mut one, one_rest) = stream(&mut upstream, &alice.mcp(BANK), "transfer").await;
    let (mut other, other_rest) = stream(&mut upstream, &alice.mcp(BANK), "account_balance").await;

    other_rest.event(&progress(1)).await;
    assert!(other.piece().await.contains("progress"));
    one_rest.event(&progress(2)).await;
    assert!(one.piece().await.contains("progress"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_larger_than_any_buffer_is_not_gathered() {
    let site = Site::on_sqlite().await;
    let (mut upstream, alice) = bank_of_alice(&site).await;
    let (mut coming, rest) = stream(&mut upstream, &alice.mcp(BANK), "transfer").await;

    // The client reads nothing, so after a while the upstream cannot write: nobody in between holds it all.
    let piece = format!(": {}\n", "x".repeat(64 * 1024));
    let mut written = 0_usize;
    while timeout(Duration::from_millis(500), rest.text(&piece)).await.is_ok() {
        written += piece.len();
        assert!(written < 64 * 1024 * 1024, "it takes whatever it is given");
    }
    let reading = async {
        let mut read = 0;
        while read < written {
            read += coming.piece().await.len();
        }
    };
    timeout(PATIENCE, reading).await.expect("what was written arrives");
}

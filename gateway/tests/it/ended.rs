//! What was ended is refused at once, whatever is remembered of it.

use chancery_store::{Unit, Write, repo};
use chancery_testkit::cast::{ALICE, BANK, BOB, PUBLIC_CLIENT};
use chancery_testkit::{Called, Mcp, Site, Tokens};
use serde_json::json;

use crate::upstream::Upstream;

async fn taken(upstream: &mut Upstream, mcp: &Mcp) {
    let call = mcp.send("tools/call", json!({ "name": "account_balance" }));
    upstream.answers(call, |heard| heard.done()).await.answered();
}

async fn refused(upstream: &mut Upstream, mcp: &Mcp) -> Called {
    let called = upstream.left_alone(mcp.send("tools/call", json!({ "name": "account_balance" }))).await;
    let words = called.challenged("invalid_token").challenge("error_description").expect("words");
    assert!(words.contains("ended") && words.contains("authorize again"), "{words}");
    called
}

/// Ends the grant: a refresh token comes back after its successor was used (OA-13).
async fn end(first: &Tokens) -> Tokens {
    let second = first.refresh().await.granted();
    let third = second.refresh().await.granted();
    first.refresh().await.refused(400, "invalid_grant");
    third
}

/// So many refusals of ended tokens were counted; none is an event, or whoever has such a token could fill the log.
async fn counted(site: &Site, times: usize) {
    site.summarise().await;
    let log = site.audit().await;
    assert!(log.of_kind("call_refused").is_empty(), "{log:?}");
    log.only("refusals_counted").says("reason", "ended_token").says("count", &times.to_string());
}

chancery_testkit::both_stores! {
    async fn oa_13_an_ended_grants_tokens_are_refused_though_they_are_remembered(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let (alice, bob) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(BOB, PUBLIC_CLIENT).await);
        taken(&mut upstream, &alice.mcp(BANK)).await;
        taken(&mut upstream, &bob.mcp(BANK)).await;

        let newest = end(&alice).await;
        site.settle().await;

        // The one that is remembered, and one that was never seen here.
        refused(&mut upstream, &alice.mcp(BANK)).await;
        refused(&mut upstream, &newest.mcp(BANK)).await;
        counted(&site, 2).await;
        // Nobody else's is touched.
        taken(&mut upstream, &bob.mcp(BANK)).await;
    }

    async fn oa_08_a_code_that_comes_twice_ends_what_came_of_it_also_at_the_gateway(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
        let tokens = code.redeem().await.granted();
        taken(&mut upstream, &tokens.mcp(BANK)).await;

        code.redeem().await.refused(400, "invalid_grant");
        site.settle().await;

        refused(&mut upstream, &tokens.mcp(BANK)).await;
        counted(&site, 1).await;
    }

    async fn oa_13_who_comes_back_after_an_end_is_let_in(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let before = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        end(&before).await;
        site.settle().await;

        let again = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        taken(&mut upstream, &again.mcp(BANK)).await;
        refused(&mut upstream, &before.mcp(BANK)).await;
    }
}

chancery_testkit::both_stores! {
    async fn a_grant_that_ended_before_this_node_heard_of_it_gives_no_token_for_the_upstream(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        // Another node ended it a moment ago: the row says so, the feed has not come yet.
        let tenant = repo::tenants::all(site.store()).await.expect("the store answers")[0].id;
        let end = Write::any("UPDATE grants SET ended_at = created_at", Vec::new());
        let _receipt = site.store().commit(Unit::new(tenant, vec![end])).await.expect("the store obeys");

        refused(&mut upstream, &alice.mcp(BANK)).await;

        let log = site.audit().await;
        assert!(log.of_kind("upstream_token_issued").is_empty());
        log.only("call_closed").says("outcome", "cut").says("reason", "grant_ended").names(ALICE).names(BANK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oa_13_what_one_node_ended_no_other_takes() {
    let Some(site) = Site::cluster(2).await else { return };
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    for _ in 0..8 {
        taken(&mut upstream, &alice.mcp(BANK)).await;
    }

    end(&alice).await;
    site.settle().await;

    for _ in 0..8 {
        refused(&mut upstream, &alice.mcp(BANK)).await;
    }
}

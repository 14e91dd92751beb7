//! `Mcp-Session-Id`: whose it is, where it is good, and that it is nobody's proof of anything.

use std::time::Duration;

use bytes::Bytes;
use chancery_store::repo::{self, keys::KeyPurpose};
use chancery_testkit::cast::{ALICE, BANK, BOB, EXCHANGE, OTHER_CLIENT, PUBLIC_CLIENT};
use chancery_testkit::{Called, Mcp, Revocable, Site, Tokens};
use http::header::WWW_AUTHENTICATE;
use http::{Method, Response};
use serde_json::json;
use tokio::time::timeout;

use crate::upstream::{PATIENCE, Upstream, done};

const HEADER: &str = "mcp-session-id";
/// What the upstream calls its sessions.
const THEIRS: &str = "the-upstream-s-own-id";

/// Opens a session in this conversation's name, and gives its id as the client learns it.
pub async fn session_at(upstream: &mut Upstream, mcp: &Mcp) -> String {
    let hello = mcp.send("initialize", json!({}));
    let answered = upstream
        .answers(hello, |heard| {
            let body = done(&heard.message()["id"]).to_string();
            heard.says(Response::builder().header(HEADER, THEIRS), &body);
        })
        .await;
    let answered = answered;
    answered.answered();
    answered.0.header(HEADER).expect("a session").to_owned()
}

/// These tokens' conversation in this session.
fn within(tokens: &Tokens, session: &str) -> Mcp {
    let mut mcp = tokens.mcp(BANK);
    mcp.session = Some(session.to_owned());
    mcp
}

/// The session has ended as far as this client is concerned: MCP has it begin another.
async fn refused(upstream: &mut Upstream, mcp: &Mcp) {
    let called: Called = upstream.left_alone(mcp.send("tools/call", json!({ "name": "account_balance" }))).await;
    let error = called.denied(404);
    assert!(error["message"].as_str().is_some_and(|words| words.contains("initialize")), "{error}");
    assert_eq!(called.0.header(WWW_AUTHENTICATE), None, "no other token would help: {called:?}");
}

async fn taken(upstream: &mut Upstream, mcp: &Mcp) {
    let call = mcp.send("tools/call", json!({ "name": "account_balance" }));
    let called = upstream
        .answers(call, |heard| {
            assert_eq!(heard.header(HEADER), Some(THEIRS));
            heard.done();
        })
        .await;
    called.answered();
}

chancery_testkit::both_stores! {
    async fn mc_07_a_session_is_sealed_with_a_key_that_lives_when_it_is_named(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let mcp = alice.mcp(BANK);
        let opening = tokio::spawn(async move { mcp.send("initialize", json!({})).await });
        let heard = upstream.heard().await;

        let tenant = repo::tenants::all(site.store()).await.expect("the store answers")[0].id;
        let keys = repo::keys::of_tenant(site.store(), &tenant).await.expect("the store answers");
        let key = keys.iter().find(|key| key.purpose == KeyPurpose::McpSession).expect("there is one").id.to_string();
        site.revoke(Revocable::Key, &key).await.expect("it is known");
        let body = done(&heard.message()["id"]).to_string();
        heard.says(Response::builder().header(HEADER, THEIRS), &body);

        let opened = timeout(PATIENCE, opening).await.expect("it is answered").expect("it ran");
        opened.answered();
        taken(&mut upstream, &within(&alice, opened.0.header(HEADER).expect("a session"))).await;
    }

    async fn mc_07_another_users_session_is_no_session(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let (alice, bob) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(BOB, PUBLIC_CLIENT).await);
        let session = session_at(&mut upstream, &alice.mcp(BANK)).await;
        taken(&mut upstream, &within(&alice, &session)).await;

        refused(&mut upstream, &within(&bob, &session)).await;

        let event = site.audit().await;
        event.only("call_refused").says("reason", "unknown_session").says("row", "MC-07").names(BOB).names(PUBLIC_CLIENT).names(BANK);
    }

    async fn mc_07_another_clients_session_is_no_session(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let (one, other) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(ALICE, OTHER_CLIENT).await);
        let session = session_at(&mut upstream, &one.mcp(BANK)).await;

        refused(&mut upstream, &within(&other, &session)).await;

        site.audit().await.only("call_refused").says("reason", "unknown_session").names(ALICE).names(OTHER_CLIENT);
    }

    async fn mc_07_a_session_with_the_bank_is_none_with_the_exchange(site: Site) {
        let mut bank = Upstream::behind(&site, BANK).await;
        let mut exchange = Upstream::behind(&site, EXCHANGE).await;
        let at_bank = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let at_exchange = site.ask(PUBLIC_CLIENT).resource(EXCHANGE).approved_by(ALICE).await.redeem().await.granted();
        let mut conversation = at_exchange.mcp(EXCHANGE);
        conversation.session = Some(session_at(&mut bank, &at_bank.mcp(BANK)).await);

        let called = exchange.left_alone(conversation.send("tools/call", json!({ "name": "convert" }))).await;

        called.denied(404);
        site.audit().await.only("call_refused").says("reason", "unknown_session").names(ALICE).names(EXCHANGE);
    }

    async fn mc_07_a_session_outlives_the_step_up_of_its_owner(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let before = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let session = session_at(&mut upstream, &before.mcp(BANK)).await;

        let after = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer").approved_by(ALICE).await.redeem().await.granted();

        taken(&mut upstream, &within(&after, &session)).await;
        taken(&mut upstream, &within(&before.refresh().await.granted(), &session)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_07_a_session_authenticates_nobody() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let mut mcp = within(&alice, &session_at(&mut upstream, &alice.mcp(BANK)).await);

    mcp.token = None;

    let answer = upstream.left_alone(mcp.send("tools/call", json!({ "name": "account_balance" }))).await.0;
    answer.has_status(401);
    assert_eq!(answer.challenge("error"), None, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_07_a_client_never_learns_the_upstreams_own_id_and_cannot_use_it() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let session = session_at(&mut upstream, &alice.mcp(BANK)).await;
    let subject = alice.claims()["sub"].as_str().expect("a subject").to_owned();
    assert!(!session.contains(THEIRS) && !session.contains(&subject), "{session}");
    assert!(session.bytes().all(|byte| byte.is_ascii_graphic()), "MCP wants visible ASCII: {session:?}");

    let swapped: String = session.chars().rev().collect();
    let cut = &session[..session.len() - 1];
    for altered in [THEIRS, swapped.as_str(), cut, &format!("{session}A"), &session.to_lowercase(), "", "x", "../../etc/passwd"] {
        refused(&mut upstream, &within(&alice, altered)).await;
    }
    // Two of them are none.
    let twice = within(&alice, &session).request(Method::GET).header(HEADER, &session).body(Bytes::new()).expect("a request");
    upstream.left_alone(site.program().send(twice)).await.has_status(404);
    taken(&mut upstream, &within(&alice, &session)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_07_each_session_has_an_id_that_nobody_can_guess() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;

    // The upstream gives the same id each time, and nothing else differs either.
    let (one, other) = (session_at(&mut upstream, &alice.mcp(BANK)).await, session_at(&mut upstream, &alice.mcp(BANK)).await);

    assert_ne!(one, other);
    taken(&mut upstream, &within(&alice, &one)).await;
    taken(&mut upstream, &within(&alice, &other)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_12_a_session_ends_after_a_week() {
    let site = Site::on_sqlite().await;
    site.apply(|file| file["lifetimes"] = json!({ "unvouched": "30d" })).await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let session = session_at(&mut upstream, &first.mcp(BANK)).await;

    site.turn(Duration::from_secs(6 * 24 * 3600));
    let later = first.refresh().await.granted();
    taken(&mut upstream, &within(&later, &session)).await;
    site.turn(Duration::from_secs(24 * 3600));
    let too_late = later.refresh().await.granted();

    refused(&mut upstream, &within(&too_late, &session)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_keeps_its_name_and_ends_at_the_upstream() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let session = session_at(&mut upstream, &alice.mcp(BANK)).await;
    let mcp = within(&alice, &session);

    // Upstreams repeat the id in every answer; the client sees the one it knows.
    let repeated = upstream
        .answers(mcp.send("tools/list", json!({})), |heard| {
            let body = done(&heard.message()["id"]).to_string();
            heard.says(Response::builder().header(HEADER, THEIRS), &body);
        })
        .await;
    assert_eq!(repeated.0.header(HEADER), Some(session.as_str()));

    let end = mcp.request(Method::DELETE).body(Bytes::new()).expect("a request");
    let ended = upstream
        .answers(site.program().send(end), |heard| {
            assert_eq!((heard.method.clone(), heard.header(HEADER)), (Method::DELETE, Some(THEIRS)));
            heard.says(Response::builder().status(204), "");
        })
        .await;
    ended.has_status(204);

    // The upstream says of the next call that there is no such session, and so the client begins another.
    let gone = upstream.answers(mcp.send("tools/list", json!({})), |heard| heard.says(Response::builder().status(404), "{}")).await;
    gone.0.has_status(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_node_opens_a_session_that_another_sealed() {
    let Some(site) = Site::cluster(2).await else { return };
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let session = session_at(&mut upstream, &alice.mcp(BANK)).await;

    for _ in 0..8 {
        taken(&mut upstream, &within(&alice, &session)).await;
    }
}

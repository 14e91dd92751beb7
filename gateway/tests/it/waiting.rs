//! A call whose answer has not begun: a switch ends it like any other. Whoever waits is answered, and the upstream is let go of.

use std::time::Duration;

use chancery_store::Topic;
use chancery_testkit::cast::{ALICE, BANK, BOB, PUBLIC_CLIENT};
use chancery_testkit::{Folder, HeldBack, Mcp, Revocable, Site, Tokens};
use futures_util::future::select_all;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::stdio::{self, session, until, with_child};
use crate::upstream::{Heard, PATIENCE, Upstream, resource};
use crate::wire::{self, Coming, call};

fn grant(tokens: &Tokens) -> String {
    tokens.claims()["grants"][0].as_str().expect("a grant").to_owned()
}

async fn waits(upstream: &mut Upstream, mcp: Mcp, message: Value) -> (JoinHandle<Coming>, Heard) {
    let asking = tokio::spawn(async move { wire::post(&mcp, &message).await });
    let heard = upstream.heard().await;
    (asking, heard)
}

async fn answered(asking: JoinHandle<Coming>) -> (Coming, Value) {
    let mut coming = timeout(PATIENCE, asking).await.expect("it goes on though it was ended").expect("it ran");
    let said = coming.piece().await;
    (coming, serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}")))
}

chancery_testkit::both_stores! {
    async fn rv_05_a_call_whose_answer_has_not_begun_is_cut_too(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let ask = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer");
        let alice = ask.approved_by(ALICE).await.redeem().await.granted();
        let bob = site.sign_in(BOB, PUBLIC_CLIENT).await;
        let (others, his) = waits(&mut upstream, bob.mcp(BANK), call("account_balance", &json!({}))).await;
        let mut calls = Vec::new();
        for tool in ["account_balance", "transfer"] {
            calls.push((tool, waits(&mut upstream, alice.mcp(BANK), call(tool, &json!({}))).await));
        }

        let asked = Instant::now();
        site.revoke_unheard(Revocable::Grant, &grant(&alice)).await;
        for (tool, (asking, mut heard)) in calls {
            let (coming, said) = answered(asking).await;
            // No 401: whoever takes it for a refusal signs in anew and repeats the call, which may have been carried out.
            assert_eq!((coming.response.status().as_u16(), coming.response.headers().get(WWW_AUTHENTICATE)), (200, None), "{tool}");
            assert_eq!((&said["id"], &said["error"]["data"]["reason"]), (&json!(1), &json!("grant_ended")), "{said}");
            assert!(said["error"]["message"].as_str().is_some_and(|words| words.contains("look before you repeat it")), "{said}");
            heard.gone().await;
        }
        println!("{} ms", asked.elapsed().as_millis());

        upstream.left_alone(alice.mcp(BANK).send("tools/list", json!({}))).await.challenged("invalid_token");
        his.done();
        others.await.expect("it ran").piece().await;
        let log = site.audit().await;
        let outcome = |tool| {
            let closed = log.of_kind("call_closed").into_iter().filter(|event| event.fields["target"] == tool);
            closed.map(|event| (event.fields["outcome"].clone(), event.fields.get("reason").cloned())).collect::<Vec<_>>()
        };
        let cut = ("cut".to_owned(), Some("grant_ended".to_owned()));
        assert_eq!(outcome("transfer"), std::slice::from_ref(&cut));
        let mut both = outcome("account_balance");
        both.sort_unstable();
        assert_eq!(both, [("answered".to_owned(), None), cut]);
        assert_eq!(log.of_kind("call_opened").len(), 3);
    }
}

/// The token was good when the call began, and its holder keeps the rest back until it is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_a_call_whose_body_was_held_back_goes_no_further() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let held = HeldBack::begin(alice.mcp(BANK).posting(&call("account_balance", &json!({})))).await;

    site.revoke(Revocable::Grant, &grant(&alice)).await.expect("it is alive");

    let answer = upstream.left_alone(held.go_on()).await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("error=\"invalid_token\""), "{answer}");
    assert!(site.audit().await.of_kind("call_opened").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_01_a_call_whose_body_was_held_back_is_decided_by_the_rules_of_then() {
    let site = Site::on_sqlite().await;
    let mut before = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let call = || HeldBack::begin(mcp.posting(&call("account_balance", &json!({}))));

    // Another server stands behind it when the call is known: it is asked, and the one of before is not.
    let held = call().await;
    let mut now = Upstream::behind(&site, BANK).await;
    let answer = before.left_alone(now.answers(held.go_on(), |heard| heard.done())).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let held = call().await;
    let closed = r#"@id("closed") forbid(principal, action, resource == Chancery::Resource::"bank");"#;
    site.apply(|file| file["policies"] = json!(closed)).await;
    let answer = now.left_alone(held.go_on()).await;
    assert!(answer.contains("denied_by_policy"), "{answer}");

    site.apply(|file| file["policies"] = json!("")).await;
    let held = call().await;
    site.apply(|file| _ = resource(file, BANK).as_object_mut().expect("a resource").remove("upstream")).await;
    let answer = now.left_alone(held.go_on()).await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("nothing_here"), "{answer}");
}

/// Each may be large, and one person may have many; but what a node holds of one person's has a bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_bodies_of_one_person_do_not_fill_the_memory() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let (alice, bob) = (site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK), site.sign_in(BOB, PUBLIC_CLIENT).await.mcp(BANK));
    let large = call("account_balance", &json!({ "much": "x".repeat(4_000_000) }));
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut one = HeldBack::begin(alice.posting(&large)).await;
        one.send_all_but(1).await;
        held.push(one);
    }

    // Not all of them are there: some are answered though their end was not sent. Whoever goes on sending may not hear it.
    let told = async {
        let mut rest: Vec<_> = held.iter_mut().map(|one| Box::pin(one.answer())).collect();
        loop {
            let (answer, _, others) = select_all(rest).await;
            if !answer.is_empty() {
                break answer;
            }
            rest = others;
        }
    };
    let answer = upstream.left_alone(told).await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("too_much_at_once"), "{answer}");
    assert!(answer.contains("retry-after: "), "{answer}");

    // What is small passes, and so does another's.
    for (mcp, message) in [(&alice, &call("account_balance", &json!({}))), (&bob, &large)] {
        let answer = upstream.answers(mcp.post(message), Heard::done).await;
        assert_eq!(answer.status, 200);
    }
    drop(held);
}

/// The record of a call has to be durable before it goes out, and that may take a while: what is ended then keeps it here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_a_call_whose_record_took_its_time_goes_no_further() {
    let Some(site) = Site::on_postgres().await else { return };
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer").approved_by(ALICE).await.redeem().await.granted();
    let mcp = alice.mcp(BANK);
    let events = site.database().lock("events");
    let calling = tokio::spawn(async move { mcp.send("tools/call", json!({ "name": "transfer" })).await });
    let asked = Instant::now();
    while site.database().waiting_for("events").is_empty() {
        assert!(asked.elapsed() < PATIENCE, "nothing is written before the call goes out");
    }

    // Another node ended it. The end is no event here, which would wait for the same table.
    site.tells(Topic::Ended, &format!("grant {} {}", site.now().millis(), grant(&alice))).await;
    site.settle().await;
    assert!(!calling.is_finished(), "it waits still");
    drop(events);

    let called = upstream.left_alone(timeout(PATIENCE, calling)).await.expect("it is answered").expect("it ran");
    called.challenged("invalid_token");
    let log = site.audit().await;
    log.only("call_opened").names(ALICE);
    log.only("call_closed").says("outcome", "cut").says("reason", "ended_token");
}

/// Nobody waits for its answer, so nothing is repeated, and a challenge is what clients know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_a_stream_that_has_not_begun_is_challenged() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let mcp = alice.mcp(BANK);
    let asking = tokio::spawn(async move { wire::get(&mcp).await });
    let mut heard = upstream.heard().await;
    assert_eq!(heard.method, Method::GET);

    site.revoke_unheard(Revocable::Grant, &grant(&alice)).await;

    let (coming, _) = answered(asking).await;
    assert_eq!(coming.response.status(), 401);
    let challenge = coming.response.headers()[WWW_AUTHENTICATE].to_str().expect("text");
    assert!(challenge.contains("error=\"invalid_token\"") && challenge.contains("resource_metadata="), "{challenge}");
    heard.gone().await;
}

/// The head of a child's answer goes out at once, so the error is the body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_a_call_of_a_child_process_is_cut_with_an_answer() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({})).await;
    let (mcp, folder) = (session(&site, ALICE).await, Folder::new());
    let told = folder.path().join("told");
    let message = stdio::waiting(&told);
    let mut request = mcp.posting(&message);
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let program = site.program();
    let asking = tokio::spawn(async move { program.send(request).await });
    let begun = async {
        while site.audit().await.of_kind("call_opened").is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, begun).await.expect("the call goes out");

    let subject = site.audit().await.only("call_opened").field("subject").expect("whose it is").to_owned();
    site.revoke_unheard(Revocable::Subject, &subject).await;

    let answer = timeout(PATIENCE, asking).await.expect("it goes on though it was ended").expect("it ran");
    let said = answer.has_status(200).json();
    assert_eq!((&said["id"], &said["error"]["data"]["reason"]), (&json!("mine"), &json!("grant_ended")), "{said}");
    until("the child hears nothing of it", || std::fs::read_to_string(&told).is_ok_and(|text| text == "\"mine\"")).await;
    site.audit().await.only("call_closed").says("outcome", "cut");
}

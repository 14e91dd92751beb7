//! What is changed in the file while a call waits here: it goes out by the rules that hold, or not at all.

use std::time::Duration;

use chancery_store::Topic;
use chancery_testkit::cast::{AGENT_OWNER, ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Called, Mcp, Site};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::upstream::{PATIENCE, Upstream, done, resource};
use crate::wire::call;
use chancery_testkit::HeldBack;

/// The token was held against what was changed, and its proof is spent: so both are shown again, and held against what is so now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_05_a_call_whose_body_was_held_back_is_no_way_past_what_its_token_must_be() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    for (member, value) in [("dpop", "required"), ("token_signing_alg", "EdDSA")] {
        let held = HeldBack::begin(mcp.posting(&call("account_balance", &json!({})))).await;
        site.apply(|file| resource(file, BANK)[member] = json!(value)).await;

        let answer = upstream.left_alone(held.go_on()).await;

        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("rules_changed") && answer.contains("send it again"), "{answer}");
        upstream.left_alone(mcp.send("tools/list", json!({}))).await.challenged("invalid_token");
        site.apply(|file| _ = resource(file, BANK).as_object_mut().expect("a resource").remove(member)).await;
    }
    assert!(site.audit().await.of_kind("call_opened").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_01_a_call_whose_token_ran_out_before_its_body_was_there_goes_no_further() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let held = HeldBack::begin(mcp.posting(&call("account_balance", &json!({})))).await;

    site.turn(Duration::from_secs(301));

    let answer = upstream.left_alone(held.go_on()).await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("error=\"invalid_token\""), "{answer}");
    assert!(site.audit().await.of_kind("call_opened").is_empty());
}

/// A call that waits for the log, while the registry comes to say something else.
struct Scene {
    site: Site,
    mcp: Mcp,
}

impl Scene {
    async fn new() -> Option<Self> {
        let site = Site::on_postgres().await?;
        let tokens = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer").approved_by(ALICE).await.redeem().await.granted();
        Some(Self { mcp: tokens.mcp(BANK), site })
    }

    /// Says one thing in place of another in all objects of this kind. An apply would wait for the log as the call does.
    async fn replace(&self, kind: &str, one: &str, other: &str) {
        let objects = format!("UPDATE objects SET body = replace(body, '{one}', '{other}') WHERE kind = '{kind}'");
        self.site.database().sql(&format!("{objects}; UPDATE tenants SET version = version + 1"));
        self.site.tells(Topic::Registry, "").await;
        self.site.settle().await;
    }

    /// Calls a tool, and has that said when the call waits.
    async fn calls(&self, tool: &'static str, kind: &str, one: &str, other: &str) -> Called {
        let (events, mcp) = (self.site.database().lock("events"), self.mcp.clone());
        let calling = tokio::spawn(async move { mcp.send("tools/call", json!({ "name": tool })).await });
        let asked = Instant::now();
        while self.site.database().waiting_for("events").is_empty() {
            assert!(asked.elapsed() < PATIENCE, "nothing is written before the call goes out");
            sleep(Duration::from_millis(20)).await;
        }
        self.replace(kind, one, other).await;
        assert!(!calling.is_finished(), "it waits still");
        drop(events);
        timeout(PATIENCE, calling).await.expect("it is answered").expect("it ran")
    }

    /// Of the calls so far, in any order.
    async fn are_closed(&self, calls: usize, reason: &str) {
        let log = self.site.audit().await;
        let closed = log.of_kind("call_closed");
        assert_eq!((log.of_kind("call_opened").len(), closed.len()), (calls, calls), "{log:#?}");
        for event in closed {
            assert_eq!((event.fields["outcome"].as_str(), event.fields["reason"].as_str()), ("refused", reason), "{log:#?}");
        }
    }
}

fn reason(called: &Called) -> Value {
    called.denied(503)["data"]["reason"].clone()
}

/// One tool's calls wait for their record, the other's for the token that is made for the server behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_02_a_server_that_was_replaced_while_a_call_waited_is_sent_nothing() {
    let Some(scene) = Scene::new().await else { return };
    let mut before = Upstream::behind(&scene.site, BANK).await;
    let mut now = Upstream::start().await;
    for tool in ["transfer", "account_balance"] {
        let (one, other) = (before.url.clone(), now.url.clone());
        let called = before.left_alone(now.left_alone(scene.calls(tool, "resource", &one, &other))).await;
        assert_eq!(reason(&called), "upstream_replaced", "{tool}");
        std::mem::swap(&mut before, &mut now);
    }
    scene.are_closed(2, "upstream_replaced").await;

    let mut audience = Value::Null;
    let again = scene.mcp.send("tools/call", json!({ "name": "transfer" }));
    let called = before.answers(again, |heard| {
        audience = chancery_testkit::claims(heard.token())["aud"].clone();
        heard.done();
    });
    called.await.answered();
    assert_eq!(audience, json!(before.url));
}

/// Nobody is shown a token here, so nothing but the record is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_01_a_call_whose_record_took_its_time_does_not_go_out_by_rules_of_before() {
    let Some(scene) = Scene::new().await else { return };
    let mut upstream = Upstream::behind(&scene.site, BANK).await;
    let elsewhere = r#"@id("closed") forbid(principal, action, resource == Chancery::Resource::"exchange");"#;
    scene.site.apply(|file| file["policies"] = json!(elsewhere)).await;
    scene.site.apply(|file| resource(file, BANK)["upstream"]["credential"] = json!("none")).await;

    // What changes nothing for it keeps nothing from going, nor does what lets it through all the same.
    let limits = json!({ "per_subject": 200 });
    scene.site.apply(|file| resource(file, BANK)["upstream"]["limits"] = limits).await;
    for (kind, one, other) in [
        ("client", "no such words", ""),
        ("agent", AGENT_OWNER, "treasury"),
        ("policy", "closed", "shut"),
        ("resource", "Move money", "Move any money"),
        ("resource", "\"per_subject\":200", "\"per_subject\":201"),
    ] {
        let calls = scene.calls("transfer", kind, one, other);
        let (called, ()) = tokio::join!(calls, async { upstream.heard().await.done() });
        called.answered();
    }

    let called = upstream.left_alone(scene.calls("transfer", "policy", "exchange", "bank")).await;
    assert_eq!(reason(&called), "rules_changed");
    let denied = upstream.left_alone(scene.mcp.send("tools/call", json!({ "name": "transfer" }))).await.denied(200);
    assert_eq!(denied["data"]["reason"], "denied_by_policy");

    scene.replace("policy", "bank", "exchange").await;
    let called = upstream.left_alone(scene.calls("transfer", "resource", "\"scope\":\"bank:transfer\"", "\"scope\":\"bank:move\"")).await;
    assert_eq!(reason(&called), "rules_changed");
}

/// It waits for the token that the server is shown, and is written down meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_01_a_call_that_must_be_in_the_log_by_now_does_not_go_out_without() {
    let Some(scene) = Scene::new().await else { return };
    let mut upstream = Upstream::behind(&scene.site, BANK).await;

    let called = upstream.left_alone(scene.calls("account_balance", "resource", "\"read_only\":true", "\"read_only\":false")).await;

    assert_eq!(reason(&called), "rules_changed");
    scene.are_closed(1, "rules_changed").await;
}

/// The answer names a session, and the keys that would seal it are gone when it comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_07_an_answer_whose_session_cannot_be_named_is_no_call_to_be_sent_again() {
    let Some(scene) = Scene::new().await else { return };
    let mut upstream = Upstream::behind(&scene.site, BANK).await;
    let (call, answer) = (scene.mcp.send("tools/call", json!({ "name": "transfer" })), async {
        let heard = upstream.heard().await;
        scene.site.database().sql("DELETE FROM keys WHERE purpose = 'mcp_session'");
        scene.site.tells(Topic::Keys, "").await;
        scene.site.settle().await;
        let body = done(&heard.message()["id"]).to_string();
        heard.says(http::Response::builder().header("mcp-session-id", "theirs"), &body);
    });

    let (called, ()) = tokio::join!(call, answer);

    let error = called.denied(200);
    assert_eq!(error["data"]["reason"], "keys_unavailable");
    assert!(error["message"].as_str().is_some_and(|words| words.contains("may have been carried out")), "{error}");
    let log = scene.site.audit().await;
    let closed = log.of_kind("call_closed");
    assert_eq!((closed.len(), closed[0].fields["outcome"].as_str()), (1, "upstream_failed"), "{log:#?}");
}

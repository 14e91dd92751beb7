//! An upstream that is a child process: who shares it with whom, what it sees, and what becomes of it.

use std::path::Path;
use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, BOB, PUBLIC_CLIENT};
use chancery_testkit::{Called, Folder, Mcp, Site};
use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::upstream::{PATIENCE, resource};
use crate::wire;

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/clients/stdio_server.py");

/// A site whose bank is a child process.
pub async fn with_child(site: &Site, more: Value) {
    site.secret("env:TOKEN", "hunter2");
    let mut stdio =
        json!({ "command": "/usr/bin/python3", "args": ["-u", SERVER], "env": { "TOKEN": "env:TOKEN" }, "settings": { "LEVEL": "info" } });
    more.as_object().expect("keys").iter().for_each(|(key, value)| stdio[key] = value.clone());
    site.apply(|file| {
        let bank = resource(file, BANK);
        bank["upstream"] = json!({ "stdio": stdio });
        let scope = json!({ "scope": "bank:read" });
        bank["tools"] = ["who", "progress", "complain", "offspring", "die", "ask", "wait", "late", "deaf", "flood"]
            .map(|tool| (tool.to_owned(), scope.clone()))
            .into_iter()
            .collect::<serde_json::Map<_, _>>()
            .into();
    })
    .await;
}

pub async fn session(site: &Site, person: &'static str) -> Mcp {
    let mut mcp = site.sign_in(person, PUBLIC_CLIENT).await.mcp(BANK);
    mcp.initialize().await.expect("a session");
    assert!(mcp.session.is_some());
    mcp
}

pub fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().expect("text")
}

async fn who(mcp: &Mcp) -> Value {
    serde_json::from_str(text(&mcp.send("tools/call", json!({ "name": "who" })).await.answered())).expect("JSON")
}

pub fn runs(pid: &Value) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

chancery_testkit::both_stores! {
    async fn each_session_has_a_child_of_its_own_that_sees_what_is_named_and_no_more(site: Site) {
        with_child(&site, json!({})).await;
        let (alice, bob) = (session(&site, ALICE).await, session(&site, BOB).await);

        let (first, second, other) = (who(&alice).await, who(&alice).await, who(&bob).await);
        assert_eq!((&first["pid"], &first["calls"], &second["calls"], &other["calls"]), (&second["pid"], &json!(1), &json!(2), &json!(1)));
        assert_ne!(first["pid"], other["pid"]);
        let mut seen: Vec<&String> = first["env"].as_object().expect("variables").keys().filter(|name| *name != "LC_CTYPE").collect();
        seen.sort_unstable();
        assert_eq!(seen, ["LEVEL", "PATH", "TOKEN"]);
        assert_eq!((&first["env"]["TOKEN"], &first["cwd"]), (&json!("hunter2"), &json!("/")));

        // The session is nobody else's, and ends with what it started.
        let mut thief = bob.clone();
        thief.session = alice.session.clone();
        thief.send("tools/call", json!({ "name": "who" })).await.denied(404);
        let offspring = alice.send("tools/call", json!({ "name": "offspring" })).await.answered();
        let offspring: Value = text(&offspring).parse().expect("a number");
        assert!(runs(&offspring));
        let ended = alice.request(Method::DELETE).body(Default::default()).expect("a request");
        site.program().send(ended).await.has_status(204);
        until("the child's child is left behind", || !runs(&offspring) && !runs(&first["pid"])).await;
        alice.send("tools/call", json!({ "name": "who" })).await.denied(404);
        who(&bob).await;

        let log = site.audit().await;
        for event in &log.events {
            assert!(event.fields.values().all(|value| !value.contains("hunter2")), "{event:?}");
        }
    }
}

/// MCP 2026-07-28, Authorization: over HTTP as it says, a program by what its environment holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_1_a_program_has_its_credentials_in_its_environment_and_is_shown_no_token() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({})).await;
    let mcp = session(&site, ALICE).await;

    let seen = who(&mcp).await;

    assert_eq!(seen["env"]["TOKEN"], "hunter2");
    assert!(!seen.to_string().contains("eyJ"), "a token of ours is in its environment: {seen}");
    assert!(site.audit().await.of_kind("upstream_token_issued").is_empty());
    // Before it stands an HTTP server that demands a token and says where to get it.
    let mut stranger = mcp.clone();
    stranger.token = None;
    let answer = stranger.send("tools/call", json!({ "name": "who" })).await.0;
    assert!(answer.has_status(401).challenge("resource_metadata").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_sessions_a_caller_has_children_that_do_one_thing_at_a_time() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({})).await;
    let (alice, bob) = (site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK), site.sign_in(BOB, PUBLIC_CLIENT).await.mcp(BANK));
    let (first, second, other) = (who(&alice).await, who(&alice).await, who(&bob).await);
    assert_eq!((&first["pid"], &second["calls"]), (&second["pid"], &json!(2)));
    assert_ne!(first["pid"], other["pid"], "two people share a process");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_streams_and_the_servers_own_requests_are_answered() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({})).await;
    let mcp = session(&site, ALICE).await;

    let message = json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/call",
        "params": { "name": "progress", "arguments": { "times": 200 }, "_meta": { "progressToken": 7 } } });
    let mut coming = wire::post(&mcp, &message).await;
    let mut said = String::new();
    while let Some(piece) = coming.next().await {
        said += &piece.expect("it does not break off");
    }
    assert_eq!((said.matches("notifications/progress").count(), said.matches("\"result\"").count()), (200, 1));

    let asking = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "ask" } });
    let mut coming = wire::post(&mcp, &asking).await;
    assert!(coming.piece().await.contains("roots/list"));
    mcp.post(&json!({ "jsonrpc": "2.0", "id": "of-the-server", "result": { "roots": [] } })).await.has_status(202);
    assert!(coming.piece().await.contains("roots"));
    assert!(coming.next().await.is_none());
}

/// Python writes `"\u00e91"` where it read `"é1"`, and `1.0` where it read `1e0`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_known_by_what_its_id_says_however_the_child_writes_it() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({})).await;
    let mcp = session(&site, ALICE).await;
    for id in [r#""é1""#, "1e0", "1.00", "-2.5e3", r#""\u0041\/""#] {
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"progress","_meta":{{"progressToken":{id}}}}}}}"#
        );
        let asked = mcp.request(Method::POST).header("content-type", "application/json").body(message.into()).expect("a request");
        let program = site.program();
        let answer = tokio::time::timeout(PATIENCE, program.send(asked)).await.unwrap_or_else(|_| panic!("no answer to {id}"));
        let said = answer.has_status(200).text();
        assert_eq!((said.matches("notifications/progress").count(), said.matches("\"result\"").count()), (3, 1), "{said}");
    }
}

/// A call that the child lets wait; it tells in a file which one was cancelled.
pub fn waiting(told: &Path) -> Value {
    json!({ "jsonrpc": "2.0", "id": "mine", "method": "tools/call", "params": { "name": "wait", "arguments": { "tell": told } } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_cancels_what_the_child_does() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({})).await;
    let (mcp, folder) = (session(&site, ALICE).await, Folder::new());
    let told = folder.path().join("told");
    let message = waiting(&told);
    let coming = wire::post(&mcp, &message).await;
    drop(coming);
    until("the child hears nothing of it", || std::fs::read_to_string(&told).is_ok_and(|text| text == "\"mine\"")).await;
    assert_eq!(who(&mcp).await["calls"], 2, "the session goes on");
    until_it_is_seen_to_go(&site).await;
}

async fn until_it_is_seen_to_go(site: &Site) {
    let end = Instant::now() + PATIENCE;
    while !site.audit().await.of_kind("call_closed").iter().any(|event| event.fields["outcome"] == "client_gone") {
        assert!(Instant::now() < end, "it is not seen to go: {:?}", site.audit().await.of_kind("call_closed"));
    }
}

pub fn call(id: &str, tool: &str, arguments: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool, "arguments": arguments } })
}

/// JSON-RPC tells an answer by its id alone, and MCP (2025-11-25, Requests) has a session use each id once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_that_of_its_own_turn_whoever_uses_its_id_again() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({})).await;
    let (mcp, folder) = (session(&site, ALICE).await, Folder::new());
    let told = folder.path().join("told");
    let send = async |id: &str, tool: &str| Called(mcp.post(&call(id, tool, &json!({}))).await);
    let in_use = |called: &Called| assert_eq!(called.denied(400)["data"]["reason"], "id_in_use");

    // Under way.
    let mut first = wire::post(&mcp, &call("mine", "ask", &json!({}))).await;
    assert!(first.piece().await.contains("roots/list"));
    in_use(&send("mine", "who").await);
    mcp.post(&json!({ "jsonrpc": "2.0", "id": "of-the-server", "result": { "roots": ["first"] } })).await.has_status(202);
    assert!(first.piece().await.contains("first"));
    assert!(first.next().await.is_none());

    // Given up, and answered all the same.
    drop(wire::post(&mcp, &call("mine", "late", &json!({ "tell": told }))).await);
    until("it hears nothing of it", || told.exists()).await;
    in_use(&send("mine", "who").await);
    let other = send("other", "who").await;
    assert_eq!((&other.message()["id"], text(&other.answered()).contains("pid")), (&json!("other"), true));
    assert!(text(&send("mine", "who").await.answered()).contains("pid"), "the late answer has come, and was nobody's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_with_an_answer_unread_ends_no_other_request_of_that_id() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({})).await;
    let (mcp, folder) = (session(&site, ALICE).await, Folder::new());
    let told = folder.path().join("told");
    let unread = wire::post_and_take_nothing(&mcp, &call("mine", "progress", &json!({ "times": 20 }))).await;
    Called(mcp.post(&call("other", "who", &json!({}))).await).answered(); // so that one is answered, too
    let mut second = wire::post(&mcp, &call("mine", "wait", &json!({ "tell": told }))).await;

    drop(unread);
    until_it_is_seen_to_go(&site).await;

    let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": "mine" } });
    mcp.post(&cancelled).await.has_status(202);
    let said = second.piece().await;
    assert!(said.contains("\"cancelled\"") && second.next().await.is_none(), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_dies_is_told_and_takes_its_session_with_it() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({})).await;
    let mcp = session(&site, ALICE).await;

    let called = mcp.send("tools/call", json!({ "name": "die" })).await;
    assert_eq!(called.message()["error"]["data"]["reason"], "upstream_broke_off");
    site.audit().await.last(ALICE).is("call_closed").says("outcome", "upstream_failed").says("target", "die");
    mcp.send("tools/call", json!({ "name": "who" })).await.denied(404);

    let fresh = session(&site, ALICE).await;
    assert_eq!(who(&fresh).await["calls"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_cannot_live_is_left_alone_for_a_while() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({ "args": ["-c", "import sys; sys.stdin.readline(); sys.exit(1)"] })).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    for _ in 0..5 {
        assert_eq!(mcp.send("initialize", hello.clone()).await.message()["error"]["data"]["reason"], "upstream_broke_off");
    }
    let refused = async || mcp.send("initialize", hello.clone()).await.message()["error"]["data"]["reason"].clone();
    let end = Instant::now() + PATIENCE;
    while refused().await != "upstream_resting" {
        assert!(Instant::now() < end, "it is run again and again");
    }
}

/// It tells of each start, and is answered by what a file says: nothing yet, an end, or a life.
const TRIED: &str = r#"
import json, os, sys, time
line = json.loads(sys.stdin.readline())
open("starts", "a").write("x")
verdict, end = "", time.monotonic() + 60
while not verdict and time.monotonic() < end:
    time.sleep(0.02)
    verdict = open("verdict").read() if os.path.exists("verdict") else ""
if verdict == "die":
    sys.exit(1)
print(json.dumps({"jsonrpc": "2.0", "id": line["id"], "result": {"protocolVersion": "2025-11-25", "capabilities": {}}}), flush=True)
sys.stdin.read()
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_its_pause_a_command_is_tried_by_one_caller_and_no_more() {
    let (site, folder) = (Site::on_sqlite().await, Folder::new());
    let told = |name: &str| folder.path().join(name);
    let starts = || std::fs::read_to_string(told("starts")).map_or(0, |text| text.len());
    with_child(&site, json!({ "args": ["-c", TRIED], "folder": folder.path() })).await;
    let (alice, bob) = (site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK), site.sign_in(BOB, PUBLIC_CLIENT).await.mcp(BANK));
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    let hello = alice.message("initialize", hello);
    let tries = async |mcp: &Mcp| {
        let answer = tokio::time::timeout(PATIENCE, mcp.post(&hello)).await.expect("an answer at once, not the end of a trial");
        Called(answer).message()["error"]["data"]["reason"].clone()
    };
    std::fs::write(told("verdict"), "die").expect("a file");
    for _ in 0..5 {
        assert_eq!(tries(&alice).await, "upstream_broke_off");
    }
    assert_eq!(tries(&bob).await, "upstream_resting");

    // One tries, and the others need not wait for how that ends.
    site.turn(Duration::from_secs(1));
    std::fs::remove_file(told("verdict")).expect("a file");
    let mut trial = wire::post(&alice, &hello).await;
    until("it is not tried", || starts() == 6).await;
    assert_eq!((tries(&bob).await, tries(&bob).await, starts()), (json!("upstream_resting"), json!("upstream_resting"), 6));
    std::fs::write(told("verdict"), "die").expect("a file");
    while trial.next().await.is_some() {}

    // The trial's failure counts: the pause is twice as long.
    site.turn(Duration::from_secs(1));
    assert_eq!((tries(&bob).await, starts()), (json!("upstream_resting"), 6));
    site.turn(Duration::from_secs(1));
    // Whoever tried and goes leaves the trial to another.
    std::fs::remove_file(told("verdict")).expect("a file");
    let trial = wire::post(&alice, &hello).await;
    until("it is not tried again", || starts() == 7).await;
    drop(trial);
    std::fs::write(told("verdict"), "live").expect("a file");
    let end = Instant::now() + PATIENCE;
    while tries(&bob).await == "upstream_resting" {
        assert!(Instant::now() < end, "nobody may try any more");
    }
    for mcp in [&alice, &bob] {
        assert_eq!(Called(mcp.post(&hello).await).message()["result"]["protocolVersion"], "2025-11-25");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_node_does_not_allow_is_not_run() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({ "command": "/bin/touch", "args": ["/tmp/chancery-was-run"] })).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    assert_eq!(mcp.send("initialize", json!({})).await.denied(502)["data"]["reason"], "upstream_unreachable");
    assert!(!Path::new("/tmp/chancery-was-run").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_cannot_have_all_children() {
    let site = Site::on_sqlite().await;
    with_child(&site, json!({ "most": 8 })).await;
    let first = session(&site, ALICE).await;
    let (second, third) = (session(&site, ALICE).await, session(&site, ALICE).await);
    // A quarter is theirs: the oldest that does nothing gave way.
    first.send("tools/call", json!({ "name": "who" })).await.denied(404);
    who(&second).await;
    who(&third).await;
    who(&session(&site, BOB).await).await;
}

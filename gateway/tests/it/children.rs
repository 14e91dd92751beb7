//! Children that do not do as they should, and how long any child is there. Whose command is tried again: `trials`.

use std::fs;
use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, BOB, PUBLIC_CLIENT};
use chancery_testkit::{Called, Folder, Mcp, Site};
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::stdio::{call, runs, session, text, until, with_child};
use crate::upstream::{PATIENCE, resource};
use crate::wire;

/// It reads all that it is told, and says nothing.
pub const SILENT: &str = "import sys; sys.stdin.read()";

/// It answers each request with an error.
const REFUSING: &str = r#"
import json, sys
for line in sys.stdin:
    print(json.dumps({"jsonrpc": "2.0", "id": json.loads(line)["id"], "error": {"code": -32602, "message": "no"}}), flush=True)
"#;

/// A site whose bank is this child, which can be counted by what is in its environment.
pub async fn behind(site: &Site, folder: &Folder, args: &Value, limits: Value) {
    let mut more = json!({ "settings": { "MARK": folder.path() } });
    if args.is_array() {
        more["args"] = args.clone();
    }
    with_child(site, more).await;
    site.apply(|file| resource(file, BANK)["upstream"]["limits"] = limits).await;
}

/// How many of them there are.
pub fn count(folder: &Folder) -> usize {
    let mark = format!("MARK={}", folder.path().display());
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    processes
        .filter(|process| fs::read(process.path().join("environ")).is_ok_and(|all| String::from_utf8_lossy(&all).contains(&mark)))
        .count()
}

pub fn hello(mcp: &Mcp) -> Value {
    mcp.message("initialize", json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } }))
}

pub fn reason(called: &Called) -> Value {
    called.message()["error"]["data"]["reason"].clone()
}

/// A session with a child that has little time until its first word: another is started where the machine had none for it.
async fn session_in_time(site: &Site, person: &'static str) -> Mcp {
    let mut mcp = site.sign_in(person, PUBLIC_CLIENT).await.mcp(BANK);
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = Called(mcp.post(&hello(&mcp)).await);
        if answer.message()["result"].is_object() {
            mcp.session = answer.0.header("mcp-session-id").map(str::to_owned);
            return mcp;
        }
        assert!(reason(&answer) == "upstream_broke_off" && Instant::now() < end, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_child_outlives_what_it_was_started_for() {
    const IDLE: Duration = Duration::from_mins(1);
    let (site, folder) = (Site::on_sqlite().await, Folder::new());
    let limits = json!({ "idle": "1m" });
    behind(&site, &folder, &Value::Null, limits.clone()).await;
    let none_is_left = async |what: &str| until(what, || count(&folder) == 0).await;

    // Without sessions `initialize` begins none: its child is kept for the next request, for a while.
    let alone = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK).stateless();
    let answer = Called(alone.post(&hello(&alone)).await);
    answer.answered();
    assert!(answer.0.header("mcp-session-id").is_none());
    assert_eq!(alone.send("server/discover", json!({})).await.message()["error"]["code"], -32601, "which it does not know");
    alone.send("tools/call", json!({ "name": "who" })).await.answered();
    assert_eq!(count(&folder), 1, "one does");
    site.tidy();
    alone.send("tools/call", json!({ "name": "who" })).await.answered();
    assert_eq!(count(&folder), 1, "it is not kept");
    site.turn(IDLE);
    site.tidy();
    none_is_left("a child of nobody's is kept").await;

    // A session's is there until the session ends, or nobody asks for long.
    for is_ended in [true, false] {
        let mcp = session(&site, ALICE).await;
        assert_eq!(count(&folder), 1);
        if is_ended {
            let ended = mcp.request(Method::DELETE).body(Default::default()).expect("a request");
            site.program().send(ended).await.has_status(204);
        } else {
            site.turn(IDLE);
            site.tidy();
        }
        none_is_left("a session's child outlives it").await;
    }

    // A session that never came about: refused, and not waited for.
    behind(&site, &folder, &json!(["-c", REFUSING]), limits.clone()).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    assert_eq!(Called(mcp.post(&hello(&mcp)).await).message()["error"]["code"], -32602);
    none_is_left("it refused the session, and is kept for it").await;
    behind(&site, &folder, &json!(["-c", SILENT]), limits).await;
    let given_up = wire::post(&mcp, &hello(&mcp)).await;
    until("it is not started", || count(&folder) == 1).await;
    drop(given_up);
    none_is_left("nobody waits for the session any more").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_02_no_child_outlives_its_definition_though_nobody_asks_again() {
    let (site, folder) = (Site::on_sqlite().await, Folder::new());
    let no_more: [fn(&mut Value); 3] = [
        |bank| _ = bank.as_object_mut().expect("a resource").remove("upstream"),
        |bank| bank["upstream"] = json!({ "url": "http://127.0.0.1:9/mcp" }),
        |bank| bank["upstream"]["stdio"]["env"] = json!({}), // a secret that it has
    ];
    for is_no_more in no_more {
        behind(&site, &folder, &Value::Null, json!({})).await;
        let mcp = session(&site, ALICE).await;
        let mut stream = wire::get(&mcp).await;
        site.tidy();
        assert_eq!(count(&folder), 1, "it is as it was");

        site.apply(|file| is_no_more(resource(file, BANK))).await;
        site.tidy();

        until("it is there though it is in the file no more", || count(&folder) == 0).await;
        while stream.next().await.is_some_and(|piece| piece.is_ok()) {} // and so has its stream
    }
}

/// It answers each request, and leaves neither at the end of its input nor when it is asked to.
const CLINGING: &str = r#"
import json, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    told = json.loads(line)
    if "id" in told:
        print(json.dumps({"jsonrpc": "2.0", "id": told["id"], "result": {"protocolVersion": "2025-11-25", "capabilities": {}}}), flush=True)
while True:
    time.sleep(60)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_counts_until_its_process_is_gone() {
    const SHARE: usize = 2;
    /// How long one waits, and how long a child takes at least that has to be killed.
    const WAIT: Duration = Duration::from_secs(3);
    const CLINGS: Duration = Duration::from_secs(4);
    let (site, folder) = (Site::on_sqlite().await, Folder::new());
    behind(&site, &folder, &json!(["-c", CLINGING]), json!({ "first_byte": format!("{}s", WAIT.as_secs()) })).await;
    site.apply(|file| resource(file, BANK)["upstream"]["stdio"]["most"] = json!(4 * SHARE)).await;
    let mut all = Vec::new();
    for _ in 0..SHARE {
        all.push(session_in_time(&site, ALICE).await);
    }
    let ended_at = Instant::now();
    for mcp in &all {
        let ended = mcp.request(Method::DELETE).body(Default::default()).expect("a request");
        site.program().send(ended).await.has_status(204);
        mcp.send("tools/call", json!({ "name": "who" })).await.denied(404);
    }
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    // Whoever comes waits for their end, as long as anybody waits for a child, and no longer.
    loop {
        let asked_at = Instant::now();
        let answer = Called(timeout(PATIENCE, mcp.post(&hello(&mcp))).await.expect("an answer, or a refusal"));
        assert!(count(&folder) <= SHARE, "{} are there", count(&folder));
        if answer.message()["result"].is_object() {
            break;
        }
        assert!(ended_at.elapsed() < CLINGS + PATIENCE, "they do not leave");
        match reason(&answer).as_str() {
            Some("too_many_at_once") => assert!(asked_at.elapsed() >= WAIT, "it was not waited for"),
            other => assert_eq!(other, Some("upstream_broke_off"), "one that had no time to speak"),
        }
    }
    assert!(ended_at.elapsed() >= CLINGS, "one was let in before another had left");
    // Meanwhile nobody else had less.
    session_in_time(&site, BOB).await;
}

/// Calls a tool that never answers, and sees that the caller is told so and the session has ended.
async fn breaks_off(mcp: &Mcp, tool: &str) {
    let answer = timeout(PATIENCE, mcp.post(&call("last", tool, &json!({})))).await.expect("whoever waits is told");
    assert_eq!(reason(&Called(answer)), "upstream_broke_off", "{tool}");
    mcp.send("tools/call", json!({ "name": "who" })).await.denied(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_has_gone_is_seen_to_however_its_pipes_are_held() {
    let (site, folder) = (Site::on_sqlite().await, Folder::new());
    behind(&site, &folder, &Value::Null, json!({})).await;

    // It dies, and what it started holds its output.
    let mcp = session(&site, ALICE).await;
    let offspring = mcp.send("tools/call", json!({ "name": "offspring" })).await.answered();
    let offspring: Value = text(&offspring).parse().expect("a number");
    breaks_off(&mcp, "die").await;
    until("what it started is left behind", || !runs(&offspring)).await;

    // It listens no more.
    let mcp = session(&site, ALICE).await;
    let mut deaf = wire::post(&mcp, &call("first", "deaf", &json!({}))).await;
    assert!(deaf.piece().await.contains("deaf"));
    breaks_off(&mcp, "who").await;
    assert!(deaf.piece().await.contains("upstream_broke_off"));

    // It says a line without end.
    breaks_off(&session(&site, ALICE).await, "flood").await;

    until("one is left behind", || count(&folder) == 0).await;
}

/// It answers what it is told first, and reads nothing more.
const STALLED: &str = r#"
import json, os, time
told = json.loads(os.read(0, 65536).split(b"\n")[0])
print(json.dumps({"jsonrpc": "2.0", "id": told["id"], "result": {"protocolVersion": "2025-11-25", "capabilities": {}}}), flush=True)
time.sleep(600)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_ever_to_say_something_to_a_child_that_does_not_read() {
    let (site, folder) = (Site::on_sqlite().await, Folder::new());
    behind(&site, &folder, &json!(["-c", STALLED]), json!({ "first_byte": "3s" })).await;
    let mcp = session_in_time(&site, ALICE).await;
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/told", "params": { "words": "x".repeat(100_000) } });

    let said = join_all((0..70).map(|_| timeout(PATIENCE, mcp.post(&told)))).await;

    let mut all: Vec<u16> = said.into_iter().map(|answer| answer.expect("an answer in time").status.as_u16()).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, [202, 502], "some are on their way, and no more are taken");
}

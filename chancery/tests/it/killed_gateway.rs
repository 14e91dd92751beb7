//! The gateway dies in the midst of calls (`kill -9`): clients see their connections torn, the log keeps what was opened and says that
//! nobody knows how it ended, and no call is made twice.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use chancery_testkit::cast::ALICE;
use chancery_testkit::coming::{self, call};
use chancery_testkit::postgres::Database;
use chancery_testkit::{Folder, Kind, Mcp, SeededRng, balancer, listen};
use futures_util::future::join_all;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::app::App;
use crate::process::{Running, free_port, run, write};
use crate::served::{Served, server};
use crate::worker::Worker;

const PYTHON: &str = "/usr/bin/python3";
const CHILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/clients/stdio_server.py");

/// Calls at once, on two nodes.
const AT_ONCE: usize = 12;

/// Has the bank's calls go to the worker.
pub fn behind(worker: &Worker) -> impl FnOnce(&mut Value) {
    let url = worker.url();
    move |file| file["resources"][0]["upstream"]["url"] = json!(url)
}

/// An app that alice allowed everything, in a session.
pub async fn in_session(base: &str) -> Mcp {
    let app = App::registered_at(base).await;
    let mut mcp = app.mcp(&app.redeem(&app.approved_by(ALICE).await).await);
    mcp.initialize().await.expect("a session");
    mcp
}

/// A transfer, which the upstream carries out and answers so.
pub fn transfer(mark: &str, how: &str) -> Value {
    call("transfer", &json!({ "mark": mark, "how": how }))
}

/// The calls that the log knows of: how many were opened, and of how many nobody knows how they ended.
pub fn opened(log: &[Value]) -> (usize, usize) {
    let opened: Vec<&Value> = log.iter().filter(|event| event["kind"] == "call_opened").collect();
    (opened.len(), opened.iter().filter(|event| event["outcome"] == "unknown").count())
}

pub fn outcomes(log: &[Value]) -> Vec<&str> {
    let closed = log.iter().filter(|event| event["kind"] == "call_closed");
    closed.filter_map(|event| event["fields"]["outcome"].as_str()).collect()
}

async fn calls_under_way_are_torn_and_known(kind: Kind) {
    let worker = Worker::start();
    let Some(served) = Served::on(kind, behind(&worker)).await else { return };
    let mut gateway = served.serve();
    let mcp = in_session(&served.base).await;
    assert_eq!(mcp.post(&transfer("before", "")).await.has_status(200).json()["result"]["content"][0]["text"], "done");
    served.audit_when(|log| outcomes(log).len() == 1).await;
    let waiting = {
        let mcp = mcp.clone();
        tokio::spawn(async move { coming::try_post(&mcp, &transfer("waits", "waits")).await })
    };
    worker.has_done(2).await;
    let mut streaming = coming::post(&mcp, &transfer("streams", "streams")).await;
    assert!(streaming.piece().await.contains("progress"));

    gateway.kill();

    assert!(waiting.await.expect("it ran").is_err(), "an answer to a call whose gateway died");
    assert!(streaming.next().await.expect("an end").is_err(), "a stream of a dead gateway ends as if it were whole");
    let dead = served.audit();
    assert_eq!((opened(&dead), outcomes(&dead)), ((3, 2), vec!["answered"]));

    let _gateway = served.serve();
    run(&served.folder, &["audit", "tail"]).with(0, &["target=transfer", "(outcome unknown)"]);
    assert_eq!(opened(&served.audit()), (3, 2));
    mcp.post(&transfer("after", "")).await.has_status(200);
    assert_eq!(worker.calls(), ["before", "waits", "streams", "after"], "each once, and none again");
    served.audit_when(|log| opened(log) == (4, 2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_under_way_are_torn_and_their_outcome_reads_unknown_on_sqlite() {
    calls_under_way_are_torn_and_known(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_under_way_are_torn_and_their_outcome_reads_unknown_on_postgres() {
    calls_under_way_are_torn_and_known(Kind::Postgres).await;
}

/// Two nodes on one database behind a balancer.
struct Pair {
    served: Served,
    nodes: [Running; 2],
    _database: Database,
}

impl Pair {
    async fn start(change: impl FnOnce(&mut Value)) -> Option<Self> {
        let database = tokio::task::spawn_blocking(Database::fresh).await.expect("a database, or the panic that says why not")?;
        let ((front, base), ports) = (listen().await, [free_port(), free_port()]);
        let mut other = Value::Null;
        let served = Served::at(base, server(ports[0], &database.url()), |file| {
            change(file);
            other = file.clone();
        })
        .await;
        other["server"] = server(ports[1], &database.url());
        write(&served.folder, "other.yaml", &other.to_string());
        let nodes = [served.serve(), Running::start(&served.folder, &["serve", "--config", "other.yaml"], "listening on")];
        balancer::start(front, ports.map(|port| ([127, 0, 0, 1], port).into()).into(), Arc::new(SeededRng::new(1)));
        Some(Self { served, nodes, _database: database })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_goes_on_where_one_dies() {
    let worker = Worker::start();
    let Some(mut pair) = Pair::start(behind(&worker)).await else { return };
    let mcp = in_session(&pair.served.base).await;
    let calls = join_all((0..AT_ONCE).map(|at| {
        let mcp = mcp.clone();
        async move { coming::post(&mcp, &transfer(&at.to_string(), "waits")).await.response }
    }));
    let calls = tokio::spawn(calls);
    worker.has_done(AT_ONCE).await;

    pair.nodes[1].kill();
    // The same session and the same token, on whichever node is left.
    for at in 0..4 {
        mcp.post(&transfer(&format!("next {at}"), "")).await.has_status(200);
    }
    worker.release(AT_ONCE).await;

    let mut torn = 0;
    for answer in calls.await.expect("they ran") {
        if answer.status() == 502 {
            torn += 1; // in the balancer's words
            continue;
        }
        assert_eq!(answer.status(), 200);
        let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("\"done\""));
    }
    assert!(0 < torn && torn < AT_ONCE, "all calls were at one node: {torn}");
    let log = pair.served.audit_when(|log| outcomes(log).len() == AT_ONCE + 4 - torn).await;
    assert_eq!(opened(&log), (AT_ONCE + 4, torn));
    assert!(outcomes(&log).iter().all(|outcome| *outcome == "answered"));
    let mut calls = worker.calls();
    calls.sort_unstable();
    calls.dedup();
    assert_eq!((calls.len(), worker.calls().len()), (AT_ONCE + 4, AT_ONCE + 4), "a call was carried out twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_the_log_reads_of_no_unknown_outcome() {
    let worker = Worker::start();
    let served = Served::on(Kind::Sqlite, behind(&worker)).await.expect("SQLite is always there");
    let _gateway = served.serve();
    let mcp = in_session(&served.base).await;
    let _streaming = coming::post(&mcp, &transfer("streams", "streams")).await;

    let mut following = Running::start(&served.folder, &["audit", "tail", "--follow"], "call_opened");
    following.kill();

    assert!(!following.out().contains("outcome"), "the call is under way: {}", following.said());
}

/// Nobody can see to it then, so a program must leave when its input ends, as MCP has it (2025-11-25, Lifecycle, Shutdown).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_child_of_a_killed_gateway_is_told_by_the_end_of_its_input() {
    let folder = Folder::new();
    let mark = format!("MARK={}", folder.path().display());
    let served = Served::on(Kind::Sqlite, |file| {
        file["server"]["stdio"] = json!([PYTHON]);
        let stdio = json!({ "command": PYTHON, "args": ["-u", CHILD], "settings": { "MARK": folder.path() } });
        file["resources"][0]["upstream"] = json!({ "stdio": stdio });
    });
    let served = served.await.expect("SQLite is always there");
    let mut gateway = served.serve();
    let _mcp = in_session(&served.base).await;
    let has_it = |process: &Path| fs::read(process.join("environ")).is_ok_and(|all| String::from_utf8_lossy(&all).contains(&mark));
    let runs = || fs::read_dir("/proc").expect("Linux").flatten().any(|process| has_it(&process.path()));
    assert!(runs());

    gateway.kill();

    let left = (0..1000).any(|_| {
        sleep(Duration::from_millis(20));
        !runs()
    });
    assert!(left, "the child outlives its gateway");
}

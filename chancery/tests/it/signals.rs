//! SIGTERM drains, a second one ends; so does a first one while there is nothing to drain yet.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use chancery_testkit::cast::ALICE;
use chancery_testkit::coming::{self, call};
use chancery_testkit::{Called, Folder, Kind};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::app::App;
use crate::killed_gateway::{opened, outcomes};
use crate::process::{Running, chancery, configuration, free_port, write};
use crate::served::Served;
use crate::slow::Slow;

/// Less than the five seconds for which a provider is waited for.
const AT_ONCE: Duration = Duration::from_secs(4);

#[test]
fn a_first_sigterm_drains() {
    let (folder, port) = (Folder::new(), free_port());
    configuration(&folder, port);
    let mut server = Running::start(&folder, &["serve"], "listening on");
    let mut idle = connect(port);
    ask(&mut idle, "/t/acme/jwks");

    server.signal("TERM");

    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0, "a connection that says nothing is closed");
    assert!(!folder.path().join("data/admin.sock").exists(), "the socket is gone with the server");
}

/// A server with a call of the bank on its way, whose answer has begun to stream.
struct Streaming {
    served: Served,
    server: Running,
    slow: Slow,
    call: JoinHandle<Called>,
}

impl Streaming {
    async fn start() -> Self {
        let slow = Slow::start().await;
        let upstream = slow.url.clone();
        let served = Served::on(Kind::Sqlite, |file| {
            file["resources"][0]["upstream"]["url"] = json!(upstream);
            file["server"]["drain"] = json!("60s");
        });
        let served = served.await.expect("SQLite is always there");
        let server = served.serve();
        let app = App::registered_at(&served.base).await;
        let mut mcp = app.mcp(&app.redeem(&app.approved_by(ALICE).await).await);
        let call = tokio::spawn(async move { mcp.call("transfer", json!({ "to": "bob", "amount": 1 })).await });
        slow.begun().await;
        Self { served, server, slow, call }
    }

    fn outcomes(&self) -> Vec<Value> {
        let log = self.served.audit();
        log.iter().filter(|event| event["kind"] == "call_closed").map(|event| event["fields"]["outcome"].clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_lets_a_running_stream_come_to_its_end() {
    let mut streaming = Streaming::start().await;

    streaming.server.signal("TERM");
    streaming.server.logs("draining");
    streaming.slow.end();

    assert_eq!((&mut streaming.call).await.expect("the stream was whole").answered()["content"][0]["text"], "done");
    assert_eq!(streaming.server.wait().code(), Some(0));
    assert_eq!(streaming.outcomes(), ["answered"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_still_waits_when_a_drain_is_over_is_told() {
    let slow = Slow::start().await;
    let upstream = slow.url.clone();
    let served = Served::on(Kind::Sqlite, |file| {
        file["resources"][0]["upstream"]["url"] = json!(upstream);
        file["server"]["drain"] = json!("20s");
    });
    let served = served.await.expect("SQLite is always there");
    let mut server = served.serve();
    let app = App::registered_at(&served.base).await;
    let mut mcp = app.mcp(&app.redeem(&app.approved_by(ALICE).await).await);
    mcp.initialize().await.expect("a session");
    let mut streaming = coming::post(&mcp, &call("transfer", &json!({ "to": "bob", "amount": 1 }))).await;
    assert!(streaming.piece().await.contains("a while"));
    slow.begun().await;
    let waiting = tokio::spawn(async move { coming::post(&mcp, &call("transfer", &json!({ "silent": true }))).await });
    slow.begun().await;

    server.signal("TERM");

    let mut waiting = waiting.await.expect("it ran");
    assert_eq!(waiting.response.status(), 200);
    for coming in [&mut streaming, &mut waiting] {
        let last = coming.piece().await;
        assert!(last.contains("\"id\":1") && last.contains("\"reason\":\"node_stopped\"") && last.contains("look before"), "{last}");
        assert!(coming.next().await.is_none(), "a proper end");
    }
    assert_eq!(server.wait().code(), Some(0));
    let log = served.audit();
    assert_eq!((opened(&log), outcomes(&log)), ((2, 0), vec!["stopped", "stopped"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_sigterm_ends_at_once() {
    let mut streaming = Streaming::start().await;
    streaming.server.signal("TERM");
    streaming.server.logs("draining");

    streaming.server.signal("TERM");

    // A drain would wait for the stream for a minute.
    let mut server = streaming.server;
    let ended = tokio::task::spawn_blocking(move || server.wait());
    let ended = tokio::time::timeout(Duration::from_secs(30), ended).await.expect("it ends at once").expect("it is waited for");
    assert_eq!(ended.code(), Some(9));
    assert!(streaming.call.await.is_err(), "the stream was cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sigterm_during_the_start_ends_it_at_once() {
    let (folder, (provider, issuer)) = (Folder::new(), chancery_testkit::listen().await);
    let path = configuration(&folder, free_port());
    let text = std::fs::read_to_string(path).expect("it was just written");
    write(&folder, "chancery.yaml", &text.replace("issuer: http://127.0.0.1:1", &format!("issuer: {issuer}")));
    let mut server = Running::of(chancery(&folder, &["serve", "--require-providers"]), "");
    let asked = tokio::time::timeout(Duration::from_secs(60), provider.accept()).await;
    let _unanswered = asked.expect("it looks at its provider").expect("a connection");

    server.signal("TERM");

    let ended = tokio::task::spawn_blocking(move || (server.wait(), server.out()));
    let ended = tokio::time::timeout(AT_ONCE, ended).await.expect("it ends at once").expect("it is waited for");
    assert_eq!(ended.0.code(), Some(0), "nothing was left to be drained");
    assert!(!ended.1.contains("listening on"), "nobody was listening yet: {}", ended.1);
    assert!(!folder.path().join("data/admin.sock").exists(), "the socket is gone with the server");
}

#[expect(clippy::disallowed_methods, reason = "the peer of a test's own server")]
fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a duration that is none of nothing");
    stream
}

fn ask(stream: &mut TcpStream, path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").as_bytes()).expect("the server reads");
    let mut answer = Vec::new();
    while !answer.ends_with(b"]}") {
        let mut more = [0; 4096];
        let read = stream.read(&mut more).expect("the server answers");
        assert!(read > 0, "the answer broke off: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&more[..read]);
    }
}

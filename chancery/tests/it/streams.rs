//! Streams that live long, through the binary as it ships: a thousand that say nothing, one that outlives its token, and one whose
//! client does not read.

use std::time::Duration;

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, BOB};
use chancery_testkit::coming::{self, Coming};
use chancery_testkit::{Kind, Mcp, claims};
use futures_util::{StreamExt as _, stream};
use http::{Request, Version};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::killed_gateway::{behind, outcomes};
use crate::process::{Running, run};
use crate::served::Served;
use crate::worker::Worker;

/// Half of them are the server's own streams of a session, each over a connection of its own; half are answers to calls of the era without
/// sessions, as many on each connection as HTTP/2 gives it.
const HALF: usize = 500;
const ON_ONE_CONNECTION: usize = 32;
const OPENING_AT_ONCE: usize = 16;
/// Of the server's memory; 21 was measured, without optimisation.
const MOST_KIB_A_STREAM: usize = 64;
/// What may lie between a client that does not read and its upstream.
const MOST_WRITTEN: u64 = 64 * 1024 * 1024;
const MOST_KIB_BUFFERED: usize = 16 * 1024;

/// How long the long stream is, in seconds, of which a person may make an hour.
const LONG_STREAM: &str = "CHANCERY_LONG_STREAM";
const LONG: u64 = 12;
const TOKEN_LIFE: u64 = 10;
const FEWEST_REPORTS: u64 = 60;

struct Site {
    worker: Worker,
    served: Served,
    gateway: Running,
    app: App,
}

impl Site {
    async fn start(change: impl FnOnce(&mut Value)) -> Self {
        let worker = Worker::start();
        let behind = behind(&worker);
        let served = Served::on(Kind::Sqlite, |file| {
            behind(file);
            change(file);
        });
        let served = served.await.expect("SQLite is always there");
        let gateway = served.serve_from_a_shell();
        let app = App::registered_at(&served.base).await;
        Self { worker, served, gateway, app }
    }

    async fn signed_in(&self, person: &'static str) -> Mcp {
        self.app.mcp(&self.app.redeem(&self.app.approved_by(person).await).await)
    }

    /// In KiB: the pages that are the server's own, which nobody else's coming and going changes.
    fn memory(&self) -> usize {
        let maps = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.gateway.id())).expect("Linux tells");
        let line = maps.lines().find_map(|line| line.strip_prefix("Pss_Anon:")).expect("since Linux 5.4");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

type Http2 = Client<HttpConnector, Full<Bytes>>;

fn http_2() -> Http2 {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

/// The beginning of a stream that is open at the upstream.
async fn begun(client: &Http2, mut request: Request<Full<Bytes>>) -> Coming {
    *request.version_mut() = Version::HTTP_2;
    let response = client.request(request).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let mut coming = Coming { response };
    coming.piece().await;
    coming
}

/// The server's own streams of a session.
async fn own_streams(mcp: &Mcp) -> Vec<Coming> {
    let open = |_| async {
        let mut coming = coming::get(mcp).await;
        assert_eq!(coming.response.status(), 200);
        coming.piece().await;
        coming
    };
    stream::iter(0..HALF).map(open).buffer_unordered(OPENING_AT_ONCE).collect().await
}

/// Calls of the era without sessions, whose answers stream.
async fn calls(mcp: &Mcp) -> Vec<Coming> {
    let clients: Vec<Http2> = (0..HALF.div_ceil(ON_ONE_CONNECTION)).map(|_| http_2()).collect();
    let message = mcp.message("tools/call", json!({ "name": "transfer", "arguments": { "how": "listens" } }));
    let open = |at| begun(&clients[at / ON_ONE_CONNECTION], mcp.posting(&message).map(Full::new));
    stream::iter(0..HALF).map(open).buffer_unordered(OPENING_AT_ONCE).collect().await
}

/// Nothing comes any more but, where somebody waits for an answer, an error in its place.
async fn ends(coming: &mut Coming) {
    while let Some(Ok(piece)) = coming.next().await {
        assert!(piece.contains("\"error\""), "a stream goes on: {piece}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_streams_cost_little_live_and_end_at_once() {
    let limits = json!({ "per_subject": 2 * HALF + 10 });
    let site = Site::start(|file| file["resources"][0]["upstream"]["limits"] = limits).await;
    let (mut alice, mut bob) = (site.signed_in(ALICE).await, site.signed_in(BOB).await);
    alice.initialize().await.expect("a session");
    bob.initialize().await.expect("a session");
    let mut other = coming::get(&bob).await;
    other.piece().await;
    drop(calls(&alice.clone().stateless()).await); // what is made once for all has been made
    site.worker.until(|| async { site.worker.streams().await == 1 }).await;

    let before = site.memory();
    let own = own_streams(&alice).await;
    let between = site.memory();
    let answers = calls(&alice.clone().stateless()).await;
    let after = site.memory();

    let each = |from: usize, to: usize| to.saturating_sub(from) / HALF;
    println!("memory a stream: {} KiB of a session (HTTP/1.1), {} KiB of a call (HTTP/2)", each(before, between), each(between, after));
    assert!(each(before, between) < MOST_KIB_A_STREAM && each(between, after) < MOST_KIB_A_STREAM, "{before} {between} {after}");
    let mut streams: Vec<Coming> = own.into_iter().chain(answers).collect();
    assert_eq!((streams.len(), site.worker.streams().await), (2 * HALF, 2 * HALF + 1));
    let news = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "are you there?" } });
    assert_eq!(site.worker.tell(&news).await, 2 * HALF + 1);
    for coming in streams.iter_mut().chain([&mut other]) {
        assert!(coming.piece().await.contains("are you there?"), "a stream died");
    }

    let subject = claims(alice.token.as_deref().expect("a token"))["sub"].as_str().expect("a subject").to_owned();
    run(&site.served.folder, &["revoke", "subject", &subject]).with(0, &["is revoked"]);
    let revoked = Instant::now();
    for coming in &mut streams {
        ends(coming).await;
    }
    println!("all were cut within {} ms after the command had ended", revoked.elapsed().as_millis());
    site.worker.until(|| async { site.worker.streams().await == 1 }).await;
    assert_eq!(site.worker.tell(&news).await, 1);
    assert!(other.piece().await.contains("are you there?"), "somebody else's was cut");
    let log = site.served.audit_when(|log| outcomes(log).len() == 2 * HALF).await;
    assert_eq!(outcomes(&log).iter().filter(|outcome| **outcome == "cut").count(), HALF);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_call_reports_on_after_its_token_has_run_out() {
    let seconds = std::env::var(LONG_STREAM).map_or(LONG, |text| text.parse().expect("CHANCERY_LONG_STREAM is a number of seconds"));
    let reports = seconds.max(FEWEST_REPORTS);
    let site = Site::start(|file| file["lifetimes"] = json!({ "access_token": format!("{TOKEN_LIFE}s") })).await;
    let tokens = site.app.redeem(&site.app.approved_by(ALICE).await).await;
    let mcp = site.app.mcp(&tokens).stateless();
    let arguments = json!({ "how": "takes_long", "times": reports, "pause": seconds * 1000 / reports });

    let mut coming = coming::post(&mcp, &mcp.message("tools/call", json!({ "name": "transfer", "arguments": arguments }))).await;
    assert_eq!(coming.response.status(), 200);
    let mut heard = String::new();
    while let Some(piece) = coming.next().await {
        heard.push_str(&piece.expect("it does not break off"));
    }

    for at in 1..=reports {
        assert!(heard.contains(&format!("\"progress\":{at}}}")), "the report {at} is missing: {heard}");
    }
    assert!(heard.contains("\"done\""), "{heard}");
    mcp.clone().call("transfer", json!({})).await.challenged("invalid_token");
    site.app.mcp(&site.app.refresh(&tokens).await).stateless().call("transfer", json!({})).await.answered();
    site.served.audit_when(|log| outcomes(log) == ["answered"; 2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_stops_where_its_client_does_not_read() {
    let site = Site::start(|_| {}).await;
    let mcp = site.signed_in(ALICE).await.stateless();
    let flood = mcp.message("tools/call", json!({ "name": "transfer", "arguments": { "how": "floods" } }));
    mcp.clone().call("transfer", json!({})).await.answered();
    let before = site.memory();

    let mut coming = coming::post(&mcp, &flood).await;
    let mut written = 0;
    loop {
        sleep(Duration::from_millis(300)).await;
        let now = site.worker.written().await;
        if now == written && now > 0 {
            break;
        }
        assert!(now < MOST_WRITTEN, "it takes whatever it is given");
        written = now;
    }
    let grown = site.memory().saturating_sub(before);
    println!("{written} bytes were written for a client that reads nothing; the server holds {grown} KiB of them");
    assert!(grown < MOST_KIB_BUFFERED, "the server gathers: {grown} KiB");

    let mut read = 0;
    while read < 2 * written {
        read += coming.piece().await.len() as u64;
    }
    assert!(site.worker.written().await > written, "the upstream goes on as the client reads");
    drop(coming);
    site.served.audit_when(|log| outcomes(log).contains(&"client_gone")).await;
}

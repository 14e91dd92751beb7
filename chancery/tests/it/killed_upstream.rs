//! An upstream dies in the midst of calls (`kill -9`): whoever waits is told, in a way that its client understands; the log says that
//! the call may have been carried out; it is never sent again; and calls pass as soon as the upstream is back.

use std::time::Duration;

use chancery_testkit::coming::{self, Coming};
use chancery_testkit::{Kind, Mcp};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::killed_gateway::{behind, in_session, opened, outcomes, transfer};
use crate::process::Running;
use crate::served::Served;
use crate::worker::Worker;

/// Longer than the longest pause of a breaker.
const PATIENCE: Duration = Duration::from_secs(60);

struct Site {
    worker: Worker,
    served: Served,
    _gateway: Running,
    mcp: Mcp,
}

impl Site {
    async fn start() -> Self {
        let worker = Worker::start();
        let served = Served::on(Kind::Sqlite, behind(&worker)).await.expect("SQLite is always there");
        let gateway = served.serve();
        let mcp = in_session(&served.base).await;
        Self { worker, served, _gateway: gateway, mcp }
    }

    /// The beginning of an answer that streams.
    async fn streaming(&self, how: &str) -> Coming {
        let mut coming = coming::post(&self.mcp, &transfer(how, how)).await;
        assert_eq!(coming.response.status(), 200);
        let first = coming.piece().await;
        assert!(first.contains("data:"), "{first}");
        coming
    }
}

/// All that still comes, and whether it ends as if it were whole.
async fn rest(mut coming: Coming) -> (String, bool) {
    let mut text = String::new();
    loop {
        match coming.next().await {
            Some(Ok(piece)) => text.push_str(&piece),
            Some(Err(_)) => return (text, false),
            None => return (text, true),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_is_told_and_nothing_is_sent_again() {
    let mut site = Site::start().await;
    let waiting = {
        let mcp = site.mcp.clone();
        tokio::spawn(async move { coming::post(&mcp, &transfer("waits", "waits")).await.response })
    };
    site.worker.has_done(1).await;
    let (plain, with_ids, half) =
        (site.streaming("streams").await, site.streaming("streams_with_ids").await, site.streaming("half_an_event").await);
    let read = {
        let stateless = site.mcp.clone().stateless();
        let read = stateless.message("tools/call", json!({ "name": "account_balance", "arguments": { "mark": "read", "how": "waits" } }));
        tokio::spawn(async move { coming::post(&stateless, &read).await.response })
    };
    site.worker.has_done(5).await;

    site.worker.kill();

    // Where nothing was answered yet: an error that answers the request, of either era.
    for waiting in [waiting, read] {
        let answer = waiting.await.expect("it ran");
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key("www-authenticate")), (502, false));
        let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
        let message: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((&message["id"], &message["error"]["data"]["reason"]), (&json!(1), &json!("upstream_broke_off")));
        assert!(message["error"]["message"].as_str().is_some_and(|words| words.contains("may have been carried out")), "{message}");
    }
    // In the midst of a stream: the same error as its last event, and a proper end.
    let (text, whole) = rest(plain).await;
    assert!(whole && text.contains("\"upstream_broke_off\"") && text.contains("\"id\":1"), "{whole}: {text}");
    // Where the client takes the stream up again by its ids, or half an event was sent: torn, and seen to be.
    for torn in [with_ids, half] {
        assert_eq!(rest(torn).await, (String::new(), false));
    }
    let log = site.served.audit_when(|log| outcomes(log).len() == 5).await;
    assert_eq!((opened(&log), outcomes(&log)), ((5, 0), vec!["upstream_failed"; 5]));

    site.worker.start_again();
    site.mcp.post(&transfer("after", "")).await.has_status(200);
    let mut calls = site.worker.calls();
    calls.sort_unstable();
    assert_eq!(calls, ["after", "half_an_event", "read", "streams", "streams_with_ids", "waits"], "each once, and none again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_is_back_is_found_again_by_one_call() {
    let mut site = Site::start().await;
    site.mcp.post(&transfer("before", "")).await.has_status(200);
    site.worker.kill();

    let mut reasons = Vec::new();
    while reasons.last() != Some(&"upstream_resting".to_owned()) {
        let answer = site.mcp.post(&transfer("meanwhile", "")).await;
        let message = answer.has_status(502).json();
        reasons.push(message["error"]["data"]["reason"].as_str().expect("a reason").to_owned());
        assert!(reasons.len() < 10, "{reasons:?}");
    }
    assert!(reasons.iter().any(|reason| reason == "upstream_unreachable"), "{reasons:?}");

    site.worker.start_again();
    let begun = Instant::now();
    while !site.mcp.post(&transfer("after", "")).await.status.is_success() {
        assert!(begun.elapsed() < PATIENCE, "it is back, and left alone for ever");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(site.worker.calls(), ["before", "after"], "what was refused was never sent");
    let log = site.served.audit_when(|log| outcomes(log).len() == opened(log).0).await;
    assert_eq!(outcomes(&log).iter().filter(|outcome| **outcome == "answered").count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_its_own_ends_as_its_client_expects() {
    let mut site = Site::start().await;
    let mut own = coming::get(&site.mcp).await;
    assert!(own.piece().await.contains("open"));

    site.worker.kill();

    // It waits for nothing in particular: its client opens another, whatever the end looks like.
    let (text, _) = rest(own).await;
    assert!(!text.contains("\"id\""), "an answer to a question that nobody asked: {text}");
    assert_eq!(opened(&site.served.audit()), (0, 0));
}

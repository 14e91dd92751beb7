//! What the worker answers. A call's `how` says it; its `mark` is written down before anything is answered.

use std::convert::Infallible;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast};

/// A piece of a flood.
const PIECE: usize = 64 * 1024;

#[derive(Clone)]
struct Work(Arc<Inner>);

struct Inner {
    calls: PathBuf,
    /// A permit for each answer that may end.
    may_end: Semaphore,
    told: broadcast::Sender<String>,
    streams: AtomicUsize,
    written: AtomicU64,
}

/// A stream that is open.
struct Open(Work);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

pub async fn serve(port: u16, calls: PathBuf) {
    let inner = Inner {
        calls,
        may_end: Semaphore::new(0),
        told: broadcast::Sender::new(16),
        streams: AtomicUsize::new(0),
        written: AtomicU64::new(0),
    };
    let router = Router::new()
        .route("/mcp", post(answer).get(own_stream).delete(StatusCode::OK))
        .route("/release", post(release))
        .route("/tell", post(tell))
        .route("/streams", post(streams))
        .route("/written", post(written))
        .with_state(Work(Arc::new(inner)));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    println!("at work");
    axum::serve(listener, router).await.expect("it serves until it is killed");
}

async fn release(State(work): State<Work>, Json(asked): Json<Value>) -> Json<Value> {
    work.0.may_end.add_permits(asked["count"].as_u64().and_then(|count| usize::try_from(count).ok()).expect("a number"));
    Json(json!({}))
}

async fn tell(State(work): State<Work>, Json(message): Json<Value>) -> Json<Value> {
    let _ = work.0.told.send(event(&message));
    streams(State(work)).await
}

async fn streams(State(work): State<Work>) -> Json<Value> {
    Json(json!({ "streams": work.0.streams.load(Ordering::Relaxed) }))
}

async fn written(State(work): State<Work>) -> Json<Value> {
    Json(json!({ "written": work.0.written.load(Ordering::Relaxed) }))
}

async fn own_stream(State(work): State<Work>) -> Response {
    let told = work.told();
    streaming(stream::iter([": open\n\n".to_owned()]).chain(told))
}

async fn answer(State(work): State<Work>, body: Bytes) -> Response {
    let message: Value = serde_json::from_slice(&body).expect("the gateway forwards JSON");
    let result = |result: Value| json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
    match message["method"].as_str() {
        Some("initialize") => {
            let server = json!({ "name": "worker", "version": "1" });
            let result = result(json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} }, "serverInfo": server }));
            ([("mcp-session-id", "theirs")], Json(result)).into_response()
        }
        Some("tools/call") => {
            let done = result(json!({ "content": [{ "type": "text", "text": "done" }] }));
            work.called(&message["params"]["arguments"], done).await
        }
        _ => StatusCode::ACCEPTED.into_response(),
    }
}

impl Work {
    async fn called(self, arguments: &Value, done: Value) -> Response {
        self.write_down(arguments["mark"].as_str().unwrap_or("-"));
        let begins = format!("id: 1\n{}", event(&progress(0)));
        match arguments["how"].as_str() {
            Some("waits") => {
                self.may_end().await;
                Json(done).into_response()
            }
            Some("streams") => streaming(stream::iter([event(&progress(0))]).chain(self.ends(done))),
            Some("streams_with_ids") => streaming(stream::iter([begins]).chain(self.ends(done))),
            Some("half_an_event") => streaming(stream::iter(["data: {\"jsonrpc\":".to_owned()]).chain(self.ends(done))),
            Some("listens") => streaming(stream::iter([event(&progress(0))]).chain(self.told())),
            Some("floods") => self.floods(),
            Some("takes_long") => {
                let number = |name: &str| arguments[name].as_u64().expect("a number");
                let pause = Duration::from_millis(number("pause"));
                let reports = stream::iter(1..=number("times")).then(move |at| async move {
                    tokio::time::sleep(pause).await;
                    event(&progress(at))
                });
                streaming(reports.chain(stream::once(async move { event(&done) })))
            }
            _ => Json(done).into_response(),
        }
    }

    fn write_down(&self, mark: &str) {
        let mut calls = std::fs::OpenOptions::new().create(true).append(true).open(&self.0.calls).expect("the test's folder");
        calls.write_all(format!("{mark}\n").as_bytes()).expect("there is room");
    }

    async fn may_end(&self) {
        self.0.may_end.acquire().await.expect("nobody closes it").forget();
    }

    fn ends(self, done: Value) -> impl Stream<Item = String> + Send {
        stream::once(async move {
            self.may_end().await;
            event(&done)
        })
    }

    /// Whatever is told from now on.
    fn told(self) -> impl Stream<Item = String> + Send {
        self.0.streams.fetch_add(1, Ordering::Relaxed);
        let state = (self.0.told.subscribe(), Open(self));
        stream::unfold(state, |(mut told, open)| async move { Some((told.recv().await.ok()?, (told, open))) })
    }

    fn floods(self) -> Response {
        streaming(stream::repeat_with(move || {
            self.0.written.fetch_add(PIECE as u64, Ordering::Relaxed);
            format!(": {}\n", "x".repeat(PIECE - 3))
        }))
    }
}

fn streaming(events: impl Stream<Item = String> + Send + 'static) -> Response {
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events.map(Ok::<_, Infallible>))).into_response()
}

fn progress(at: u64) -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": "p", "progress": at } })
}

fn event(message: &Value) -> String {
    format!("data: {message}\n\n")
}

//! An MCP server that answers a call with a stream, and ends the stream when the test says so; or never, if it is asked for that.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

#[derive(Clone)]
pub struct Slow {
    pub url: String,
    /// A permit for each call whose stream has begun, or that will not be answered.
    begun: Arc<Semaphore>,
    /// A permit for each stream that may end.
    may_end: Arc<Semaphore>,
}

impl Slow {
    pub async fn start() -> Self {
        let (listener, here) = chancery_testkit::listen().await;
        let slow = Self { url: format!("{here}/mcp"), begun: Arc::new(Semaphore::new(0)), may_end: Arc::new(Semaphore::new(0)) };
        let router = Router::new().route("/mcp", post(answer)).with_state(slow.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        slow
    }

    /// Waits until a call's stream has begun, or it is here for ever.
    pub async fn begun(&self) {
        self.begun.acquire().await.expect("nobody closes it").forget();
    }

    /// Lets one stream end.
    pub fn end(&self) {
        self.may_end.add_permits(1);
    }
}

async fn answer(State(slow): State<Slow>, body: Bytes) -> Response {
    let message: Value = serde_json::from_slice(&body).expect("the gateway forwards JSON");
    let result = |result: Value| json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
    match message["method"].as_str() {
        Some("initialize") => {
            let server = json!({ "name": "slow", "version": "1" });
            Json(result(json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} }, "serverInfo": server }))).into_response()
        }
        Some("tools/call") if message["params"]["arguments"]["silent"] == true => {
            slow.begun.add_permits(1);
            std::future::pending().await
        }
        Some("tools/call") => {
            let begins = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "a while" } });
            slow.streamed(begins, result(json!({ "content": [{ "type": "text", "text": "done" }] })))
        }
        _ => StatusCode::ACCEPTED.into_response(),
    }
}

impl Slow {
    fn streamed(self, begins: Value, ends: Value) -> Response {
        let end = async move {
            self.begun.add_permits(1); // whoever asks for more has taken what came before
            self.may_end.acquire().await.expect("nobody closes it").forget();
            event(&ends)
        };
        let events = stream::iter([event(&begins)]).chain(stream::once(end)).map(Ok::<_, Infallible>);
        ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
    }
}

fn event(message: &Value) -> String {
    format!("data: {message}\n\n")
}

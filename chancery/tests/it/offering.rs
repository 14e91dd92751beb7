//! MCP servers of somebody else's, to be imported: well-behaved ones of either era, and whatever else a test has them answer.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use http::{HeaderMap, Method, Response, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Answer = Arc<dyn Fn(&Heard) -> Response<Body> + Send + Sync>;

/// One server. It stops with the test's runtime.
pub struct Offering {
    pub url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// What it was asked.
#[derive(Clone)]
pub struct Heard {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub message: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2025-11-25.
    Sessions,
    /// 2026-07-28.
    Stateless,
}

impl Offering {
    /// One that answers so.
    pub async fn saying(answer: impl Fn(&Heard) -> Response<Body> + Send + Sync + 'static) -> Self {
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let answer: Answer = Arc::new(answer);
        let router = Router::new().fallback(hear).with_state((answer, heard.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("http://{}/mcp", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, heard }
    }

    /// One that is as the protocol wants it, with these pages of tools; in JSON, or as a stream of events.
    pub async fn of(era: Era, streams: bool, pages: Vec<Vec<Value>>) -> Self {
        Self::saying(move |heard| match era {
            Era::Sessions => with_sessions(heard, streams, &pages),
            Era::Stateless => without(heard, streams, &pages),
        })
        .await
    }

    /// All that it was asked, in order.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, as methods.
    pub fn asked(&self) -> Vec<String> {
        self.heard().iter().map(|heard| heard.message["method"].as_str().unwrap_or(heard.method.as_str()).to_owned()).collect()
    }
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("headers are text"))
    }

    /// The answer to it.
    pub fn result(&self, result: &Value) -> Value {
        json!({ "jsonrpc": "2.0", "id": self.message["id"], "result": result })
    }

    pub fn error(&self, code: i32, message: &str) -> Value {
        json!({ "jsonrpc": "2.0", "id": self.message["id"], "error": { "code": code, "message": message } })
    }
}

/// A tool that says of itself that it reads, or that it does not.
pub fn tool(name: &str, reads: bool) -> Value {
    json!({ "name": name, "description": format!("Does {name}."), "inputSchema": { "type": "object" }, "annotations": { "readOnlyHint": reads } })
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let head = headers.iter().fold(Response::builder().status(status), |head, (name, value)| head.header(*name, *value));
    head.body(body.into()).expect("an answer")
}

pub fn says(status: u16, message: &Value) -> Response<Body> {
    answer(status, &[("content-type", "application/json; charset=utf-8")], message.to_string())
}

async fn hear(
    State((answer, heard)): State<(Answer, Arc<Mutex<Vec<Heard>>>)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let asked = Heard { method, path: uri.path().to_owned(), headers, message: serde_json::from_slice(&body).unwrap_or_default() };
    let answer = answer(&asked);
    heard.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    answer
}

fn with_sessions(heard: &Heard, streams: bool, pages: &[Vec<Value>]) -> Response<Body> {
    let method = heard.message["method"].as_str().unwrap_or_default();
    if method == "initialize" {
        let greeting = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {}, "prompts": {} }, "serverInfo": { "name": "of before", "version": "1" } });
        let mut opened = whole(&heard.result(&greeting), streams);
        opened.headers_mut().insert("mcp-session-id", http::HeaderValue::from_static("s-1"));
        return opened;
    }
    if heard.header("mcp-session-id") != Some("s-1") || heard.header("mcp-protocol-version") != Some("2025-11-25") {
        let error = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32000, "message": "Bad Request: no session" } });
        return says(400, &error);
    }
    match method {
        "" => answer(200, &[], ""),
        "notifications/initialized" => answer(202, &[], ""),
        _ => done(heard, streams, pages),
    }
}

fn without(heard: &Heard, streams: bool, pages: &[Vec<Value>]) -> Response<Body> {
    let method = heard.message["method"].as_str().unwrap_or_default();
    let (named, meta) = (heard.header("mcp-protocol-version"), &heard.message["params"]["_meta"]);
    let mirrored = heard.header("mcp-method") == Some(method) && meta["io.modelcontextprotocol/protocolVersion"].as_str() == named;
    match method {
        _ if heard.method != Method::POST => answer(405, &[], ""),
        _ if !mirrored || !meta["io.modelcontextprotocol/clientCapabilities"].is_object() => says(400, &heard.error(-32020, "they differ")),
        _ if named != Some("2026-07-28") => says(400, &heard.error(-32022, "not that version")),
        "server/discover" => {
            let info = json!({ "io.modelcontextprotocol/serverInfo": { "name": "of now", "version": "1" } });
            let greeting = json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {}, "resources": {} }, "resultType": "complete", "ttlMs": 0, "cacheScope": "private", "_meta": info });
            whole(&heard.result(&greeting), streams)
        }
        _ => done(heard, streams, pages),
    }
}

fn done(heard: &Heard, streams: bool, pages: &[Vec<Value>]) -> Response<Body> {
    let params = &heard.message["params"];
    match heard.message["method"].as_str() {
        Some("tools/list") => {
            let at = params["cursor"].as_str().map_or(0, |cursor| cursor.parse().expect("a cursor of ours"));
            let mut page = json!({ "tools": pages[at] });
            if at + 1 < pages.len() {
                page["nextCursor"] = json!((at + 1).to_string());
            }
            whole(&heard.result(&page), streams)
        }
        Some("tools/call") => whole(&heard.result(&json!({ "content": [{ "type": "text", "text": params["name"] }] })), streams),
        _ => says(404, &heard.error(-32601, "Method not found")),
    }
}

/// With what else a stream may bring before it.
fn whole(message: &Value, streams: bool) -> Response<Body> {
    if !streams {
        return says(200, message);
    }
    let log = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "x" } });
    let body = format!(": hello\r\n\r\nid: 1\r\nevent: message\r\ndata: {log}\r\n\r\nid: 2\r\ndata: {message}\r\n\r\n");
    answer(200, &[("content-type", "text/event-stream")], body)
}

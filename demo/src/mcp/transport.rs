//! Streamable HTTP (MCP 2025-11-25, basic/transports): POST brings one message, GET opens a stream, DELETE ends the session. Every one
//! of them brings a token; before that nothing is looked at.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chancery_crypto::digest::base64url;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::gate::Caller;
use super::message::{Message, Trouble, result};
use super::refused::Refused;
use super::{Answers, CallResult, Server, stream};

/// Newest first.
const VERSIONS: &[&str] = &["2025-11-25", "2025-06-18", "2025-03-26"];
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

pub async fn post(State(server): State<Arc<Server>>, headers: HeaderMap, body: Bytes) -> Result<Response, Refused> {
    let caller = server.gate.admit(&headers).await?;
    known_version(&headers)?;
    accepts(&headers, &["application/json", "text/event-stream"])?;
    is_json(&headers)?;
    match Message::parse(&body)? {
        Message::Request { id, method, params } if method == "initialize" => Ok(server.begin(&id, &params, caller)),
        Message::Request { id, method, params } => {
            server.session(&headers, &caller)?;
            Ok(server.answer(&id, &method, &params, &caller))
        }
        Message::Notification | Message::Response => {
            server.session(&headers, &caller)?;
            Ok(StatusCode::ACCEPTED.into_response())
        }
    }
}

pub async fn get(State(server): State<Arc<Server>>, headers: HeaderMap) -> Result<Response, Refused> {
    let caller = server.gate.admit(&headers).await?;
    known_version(&headers)?;
    accepts(&headers, &["text/event-stream"])?;
    let (_, end) = server.session(&headers, &caller)?;
    Ok(stream::open(end))
}

pub async fn delete(State(server): State<Arc<Server>>, headers: HeaderMap) -> Result<StatusCode, Refused> {
    let caller = server.gate.admit(&headers).await?;
    known_version(&headers)?;
    let (id, _) = server.session(&headers, &caller)?;
    server.sessions.end(id);
    Ok(StatusCode::NO_CONTENT)
}

impl Server {
    /// The request's session and its end, which must be the caller's own: without one 400, with an unknown one 404.
    fn session<'a>(&self, headers: &'a HeaderMap, caller: &Caller) -> Result<(&'a str, watch::Receiver<()>), Refused> {
        let id = text(headers, &SESSION);
        let id = id.ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, "Mcp-Session-Id is missing; initialize first"))?;
        let end = self.sessions.find(id, &caller.subject);
        let end = end.ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "there is no such session; initialize again"))?;
        Ok((id, end))
    }

    fn begin(&self, id: &Value, params: &Map<String, Value>, caller: Caller) -> Response {
        let asked = params.get("protocolVersion").and_then(Value::as_str);
        let version = VERSIONS.iter().find(|version| asked == Some(**version)).unwrap_or(&VERSIONS[0]);
        let answer = json!({
            "protocolVersion": version,
            "capabilities": { "tools": {} },
            "serverInfo": { "name": format!("chancery-demo-{}", self.name), "version": env!("CARGO_PKG_VERSION") },
        });
        let mut session = [0; 24];
        self.rng.fill(&mut session);
        let session = base64url(&session);
        self.sessions.begin(session.clone(), caller.subject);
        ([(SESSION, session)], self.respond(vec![result(id, &answer)])).into_response()
    }

    fn answer(&self, id: &Value, method: &str, params: &Map<String, Value>, caller: &Caller) -> Response {
        let mut messages = Vec::new();
        messages.extend(progress(params).filter(|_| self.answers == Answers::Stream && method == "tools/call"));
        messages.push(match method {
            "ping" => result(id, &json!({})),
            "tools/list" => result(id, &json!({ "tools": self.toolbox.list() })),
            "tools/call" => self.call(id, params, caller),
            _ => Trouble::new(-32601, format!("there is no method {method}")).to_message(id),
        });
        self.respond(messages)
    }

    fn call(&self, id: &Value, params: &Map<String, Value>, caller: &Caller) -> Value {
        let tool = params.get("name").and_then(Value::as_str).unwrap_or_default();
        let nothing = Map::new();
        let arguments = params.get("arguments").and_then(Value::as_object).unwrap_or(&nothing);
        let said = |text: &str| json!([{ "type": "text", "text": text }]);
        match self.toolbox.call(tool, arguments, &caller.subject) {
            Some(CallResult::Done { text, data }) => result(id, &json!({ "content": said(&text), "structuredContent": data })),
            Some(CallResult::Wrong(why)) => result(id, &json!({ "content": said(&why), "isError": true })),
            None => Trouble::new(-32602, format!("there is no tool {tool}")).to_message(id),
        }
    }

    fn respond(&self, mut messages: Vec<Value>) -> Response {
        match (self.answers, messages.pop()) {
            (Answers::Json, Some(last)) => Json(last).into_response(),
            (_, last) => {
                messages.extend(last);
                stream::of(messages)
            }
        }
    }
}

/// Half of the way, for who asked to be told.
fn progress(params: &Map<String, Value>) -> Option<Value> {
    let token = params.get("_meta")?.get("progressToken")?;
    let params = json!({ "progressToken": token, "progress": 1, "total": 2, "message": "asking for today's rate" });
    Some(json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params }))
}

fn known_version(headers: &HeaderMap) -> Result<(), Refused> {
    match text(headers, &VERSION) {
        Some(version) if !VERSIONS.contains(&version) => {
            let why = format!("MCP-Protocol-Version {version} is none of {}", VERSIONS.join(", "));
            Err(Refused::new(StatusCode::BAD_REQUEST, why))
        }
        _ => Ok(()),
    }
}

fn accepts(headers: &HeaderMap, wanted: &[&str]) -> Result<(), Refused> {
    let accepted: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if wanted.iter().all(|kind| accepted.iter().any(|value| value.contains(kind))) {
        return Ok(());
    }
    Err(Refused::new(StatusCode::NOT_ACCEPTABLE, format!("Accept must name {}", wanted.join(" and "))))
}

fn is_json(headers: &HeaderMap) -> Result<(), Refused> {
    match text(headers, &CONTENT_TYPE) {
        Some(kind) if kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) => Ok(()),
        _ => Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json")),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

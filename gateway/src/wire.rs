//! Refusals on the wire: a status, a JSON-RPC error, and for token trouble a challenge. Nobody gets one that was not written down.

use axum::body::Body;
use axum::response::Response;
use chancery_core::oauth::{self, Code};
use chancery_core::{DecisionId, EventId};
use chancery_registry::Resource;
use chancery_tokens::bearer::Scheme;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::challenge::Offer;
use crate::message::Messages;
use crate::record::Written;
use crate::refusal::{Refusal, Wanted, Wire, code};
use crate::{challenge, era};

/// Who waits for an answer.
#[derive(Debug)]
pub enum ReplyTo {
    /// Nobody that we know: the body was not read, or holds notifications alone.
    Nobody,
    /// The stream or the end of session that a GET or DELETE asks for.
    Verb,
    Request(Box<RawValue>),
    Batch(Vec<Box<RawValue>>),
}

impl ReplyTo {
    pub fn of(messages: &Messages<'_>) -> Self {
        let mut ids = messages.ids().map(ToOwned::to_owned).peekable();
        match ids.peek() {
            None => Self::Nobody,
            Some(_) if messages.batch => Self::Batch(ids.collect()),
            Some(id) => Self::Request(id.clone()),
        }
    }
}

/// Who is told: the resource whose scope and metadata a challenge names, and the scheme that the client speaks.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    pub resource: &'a Resource,
    pub tried: Scheme,
}

/// The answer. `reference` is the event that tells of the refusal, where one does.
pub fn respond(refusal: &Refusal, told: Option<Told<'_>>, to: &ReplyTo, reference: Option<EventId>, _: &Written) -> Response {
    let (status, code) = status_and_code(&refusal.wire, to);
    let mut response = Response::new(Body::from(body(refusal, code, to, reference)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let (Wire::Challenge { code, scope }, Some(Told { resource, tried })) = (&refusal.wire, told) {
        let error = code.map(|code| oauth::Error::new(code, refusal.words.as_ref()));
        let scope = scope.as_deref().unwrap_or(&resource.default_scope);
        let offer = Offer::at(resource.dpop, tried, refusal.wanted.as_deref() == Some(&Wanted::Proof)); // PR-05, DP-04
        let challenge = challenge::challenge(offer, error.as_ref(), &resource.metadata_url(), scope); // PR-02
        let challenge = match refusal.wanted.as_deref() {
            Some(Wanted::SignIn(demand)) => challenge::demanding(&challenge, demand), // SU-01
            _ => challenge,
        };
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    // Not of what may have been carried out: whoever is told when to come back repeats it.
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) && refusal.halts.is_none() {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = if matches!(to, ReplyTo::Verb) { "POST" } else { "GET, POST, DELETE" };
        headers.insert(ALLOW, HeaderValue::from_static(allowed));
    }
    response
}

/// The one table from refusals to HTTP and JSON-RPC.
fn status_and_code(wire: &Wire, to: &ReplyTo) -> (StatusCode, i32) {
    match (wire, to) {
        (Wire::Challenge { code: Some(Code::InsufficientScope), .. }, _) => (StatusCode::FORBIDDEN, code::CHALLENGED),
        (Wire::Challenge { code: Some(Code::InvalidRequest), .. }, _) => (StatusCode::BAD_REQUEST, code::CHALLENGED),
        (Wire::Challenge { .. }, _) => (StatusCode::UNAUTHORIZED, code::CHALLENGED),
        (Wire::Status(status, code), _) => (*status, *code),
        (Wire::InBand(code), ReplyTo::Request(_) | ReplyTo::Batch(_)) => (StatusCode::OK, *code),
        // MCP transport: a stream or an end of session that is not to be had is a 405, which clients take for an answer.
        (Wire::InBand(code), ReplyTo::Verb) => (StatusCode::METHOD_NOT_ALLOWED, *code),
        // MCP transport: notifications that are not accepted get an HTTP error.
        (Wire::InBand(code), ReplyTo::Nobody) => (StatusCode::BAD_REQUEST, *code),
    }
}

#[derive(Serialize)]
struct ErrorAnswer<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    error: ErrorObject<'a>,
}

#[derive(Clone, Copy, Serialize)]
struct ErrorObject<'a> {
    code: i32,
    message: &'a str,
    data: ErrorData<'a>,
}

#[derive(Clone, Copy, Serialize)]
struct ErrorData<'a> {
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionId>,
    /// The audit event to ask about.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<EventId>,
    /// MCP 2026-07-28: what is spoken here, and what was asked for.
    #[serde(flatten)]
    version: Option<Versions<'a>>,
}

#[derive(Clone, Copy, Serialize)]
struct Versions<'a> {
    supported: &'static [&'static str],
    requested: &'a str,
}

/// What stands in place of an answer that cannot be shown: the error alone, for its head has gone out.
pub fn instead(refusal: &Refusal, to: &ReplyTo) -> Vec<u8> {
    let (_, code) = status_and_code(&refusal.wire, to);
    body(refusal, code, to, None)
}

/// An error that answers one request, within a stream.
pub fn error(refusal: &Refusal, id: &RawValue) -> String {
    let (_, code) = status_and_code(&refusal.wire, &ReplyTo::Nobody);
    let data = ErrorData { reason: refusal.reason, decision: refusal.decision, reference: None, version: None };
    let answer = ErrorAnswer { jsonrpc: "2.0", id: Some(id), error: ErrorObject { code, message: &refusal.words, data } };
    serde_json::to_string(&answer).expect("strings and numbers serialise")
}

/// A JSON-RPC error; of a batch, one for each that waits.
fn body(refusal: &Refusal, code: i32, to: &ReplyTo, reference: Option<EventId>) -> Vec<u8> {
    let version = match refusal.wanted.as_deref() {
        Some(Wanted::Version(requested)) => Some(Versions { supported: era::SPOKEN, requested }),
        _ => None,
    };
    let data = ErrorData { reason: refusal.reason, decision: refusal.decision, reference, version };
    let error = ErrorObject { code, message: &refusal.words, data };
    let answer = |id| ErrorAnswer { jsonrpc: "2.0", id, error };
    let body = match to {
        ReplyTo::Batch(ids) => serde_json::to_vec(&ids.iter().map(|id| answer(Some(id))).collect::<Vec<_>>()),
        ReplyTo::Request(id) => serde_json::to_vec(&answer(Some(id))),
        ReplyTo::Nobody | ReplyTo::Verb => serde_json::to_vec(&answer(None)),
    };
    body.expect("strings and numbers serialise")
}

#[cfg(test)]
mod tests;

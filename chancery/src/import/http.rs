//! A server at an address (MCP, Streamable HTTP): one POST for each message, whose answer is JSON or a stream of events.

use std::time::Duration;

use bytes::Bytes;
use chancery_core::Secret;
use chancery_gateway::challenge_parameter;
use chancery_gateway::event_stream::EventReader;
use chancery_outbound::{BoxError, UpstreamError, Upstreams};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, USER_AGENT, WWW_AUTHENTICATE,
};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::timeout;

use super::spelling::{plain, shown};
use super::talk::{STATELESS, answers};
use super::trouble::Trouble;

/// The longest answer.
const MOST_BYTES: usize = 16 << 20;
const GOODBYE: Duration = Duration::from_secs(2);
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");

pub struct Http {
    out: Upstreams,
    to: Uri,
    /// What goes with every request.
    headers: HeaderMap,
    session: Option<HeaderValue>,
    /// What was agreed on.
    version: Option<HeaderValue>,
}

impl Http {
    /// A server at this address, shown this header.
    ///
    /// # Errors
    /// What is wrong with the address or the header.
    pub fn at(out: Upstreams, url: &str, shows: Option<(&str, &Secret<String>)>) -> Result<Self, String> {
        // By way of the WHATWG parser: an odd spelling of a host has become what it means.
        let url = url::Url::parse(url).map_err(|error| error.to_string())?;
        let to = url.as_str().parse().map_err(|error| format!("{error}"))?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("chancery/", env!("CARGO_PKG_VERSION"))));
        if let Some((name, secret)) = shows {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not a header's name"))?;
            let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| "the secret holds what no header may hold".to_owned())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self { out, to, headers, session: None, version: None })
    }

    /// Names this version from now on.
    pub(super) fn agreed(&mut self, version: &str) {
        self.version = HeaderValue::from_str(version).ok();
    }

    /// Sends a message; the answer, where it is a request.
    pub(super) async fn exchange(&mut self, message: &Value) -> Result<Option<Value>, Trouble> {
        let mut request = Request::new(Full::new(Bytes::from(message.to_string())).map_err(|never| -> BoxError { match never {} }).boxed());
        *request.method_mut() = Method::POST;
        *request.headers_mut() = self.headers_of(message);
        let (head, body) = self.send(request).await?;
        let id = message.get("id");
        if let (Some(session), Some(_)) = (head.headers.get(SESSION), id) {
            self.session = Some(session.clone());
        }
        let known = by_head(&head)?;
        match id {
            None if head.status.is_success() => Ok(None), // a notification is taken, and that is all
            None => Err(known),
            Some(id) => answer(body, &head, id, known).await.map(Some),
        }
    }

    /// Ends its session, which would else stay with the server for long. It owes us no answer.
    pub(super) async fn leave(&mut self) {
        let Some(session) = self.session.take() else { return };
        let mut request = Request::new(Full::new(Bytes::new()).map_err(|never| -> BoxError { match never {} }).boxed());
        *request.method_mut() = Method::DELETE;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().remove(CONTENT_TYPE);
        request.headers_mut().insert(SESSION, session);
        request.headers_mut().extend(self.version.take().map(|version| (VERSION, version)));
        let _ = timeout(GOODBYE, self.send(request)).await;
    }

    /// A message of 2026-07-28 says in its headers what its body says; later messages of a session name the session and the version.
    fn headers_of(&self, message: &Value) -> HeaderMap {
        let mut headers = self.headers.clone();
        let method = message["method"].as_str().and_then(|method| HeaderValue::from_str(method).ok());
        if message["params"]["_meta"].is_object() {
            headers.insert(VERSION, HeaderValue::from_static(STATELESS));
            headers.extend(method.map(|method| (METHOD, method)));
            return headers;
        }
        headers.extend(self.session.clone().map(|session| (SESSION, session)));
        headers.extend(self.version.clone().map(|version| (VERSION, version)));
        headers
    }

    async fn send(&self, mut request: Request<chancery_outbound::Body>) -> Result<(http::response::Parts, Incoming), Trouble> {
        *request.uri_mut() = self.to.clone();
        let answer = self.out.send(request).await.map_err(|error| match error {
            UpstreamError::NotReached(why) => Trouble::Unreached(plain(&why)),
            UpstreamError::Broken(why) => Trouble::Broken(plain(&why)),
        })?;
        Ok(answer.into_parts())
    }
}

/// What is clear before the body is read; else what it is if the body is no message of MCP.
fn by_head(head: &http::response::Parts) -> Result<Trouble, Trouble> {
    let text = |name: HeaderName| head.headers.get(name).and_then(|value| shown(&String::from_utf8_lossy(value.as_bytes())));
    if let Some(packed) = text(CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Trouble::NoMcp(format!(
            "it packs its answers by {packed} though it was asked not to; the gateway would not take them either"
        )));
    }
    match head.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let metadata = challenge_parameter(&head.headers, "resource_metadata").map(str::to_owned);
            Err(Trouble::Closed(head.status, text(WWW_AUTHENTICATE), metadata))
        }
        status if status.is_redirection() => Err(Trouble::Redirected(text(LOCATION))),
        status if status.is_success() => {
            let kind = text(CONTENT_TYPE).unwrap_or_else(|| "something that has no type".to_owned());
            Ok(Trouble::NoMcp(format!("it answers with {kind}, which is no message of JSON-RPC")))
        }
        status => Ok(Trouble::Status(status, text(CONTENT_TYPE))),
    }
}

/// The answer to the request of this id; `known` where there is none.
async fn answer(mut body: Incoming, head: &http::response::Parts, id: &Value, known: Trouble) -> Result<Value, Trouble> {
    let streams = head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let (mut read, mut whole, mut events) = (0, Vec::new(), EventReader::default());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Trouble::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        read += data.len();
        if read > MOST_BYTES {
            return Err(Trouble::TooMuch(format!("one answer has more than {} MiB", MOST_BYTES >> 20)));
        }
        if !streams {
            whole.extend_from_slice(&data);
            continue;
        }
        events.hear(&data);
        if let Some(answer) = heard(&mut events, id) {
            return Ok(answer);
        }
    }
    events.end();
    if let Some(answer) = heard(&mut events, id) {
        return Ok(answer);
    }
    if streams && head.status.is_success() {
        return Err(Trouble::Broken("its stream of events ended without an answer".to_owned()));
    }
    serde_json::from_slice(&whole).ok().filter(|message| answers(message, id)).ok_or(known)
}

/// The answer among the events that are whole.
fn heard(events: &mut EventReader, id: &Value) -> Option<Value> {
    while let Some(event) = events.next_event() {
        let message = serde_json::from_slice(&event.data()).ok().filter(|message| answers(message, id));
        if message.is_some() {
            return message;
        }
    }
    None
}

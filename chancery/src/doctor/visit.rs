//! One request, its whole answer, and the time the other side says it is.

use std::time::Duration;

use bytes::Bytes;
use chancery_core::{Secret, Timestamp};
use chancery_outbound::{BoxError, Upstreams};
use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use serde_json::Value;

const MOST_BYTES: usize = 1 << 20;
const TIME: Duration = Duration::from_secs(10);
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// Goes out as this server would: the same proxy, the same authorities.
pub struct Visitor(pub Upstreams);

/// An answer.
pub struct Seen {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Visitor {
    /// # Errors
    /// Why there is no answer.
    pub async fn get(&self, url: &str) -> Result<Seen, String> {
        self.send(Request::builder().method(Method::GET).uri(url), String::new()).await
    }

    /// The first message of an MCP client that has no token.
    ///
    /// # Errors
    /// As [`Visitor::get`].
    pub async fn initialize(&self, url: &str) -> Result<Seen, String> {
        self.initialize_showing(url, None).await
    }

    /// The same with a header.
    ///
    /// # Errors
    /// As [`Visitor::get`].
    pub async fn initialize_showing(&self, url: &str, shown: Option<(&str, &Secret<String>)>) -> Result<Seen, String> {
        const HELLO: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"chancery-doctor","version":"1"}}}"#;
        let mut request = Request::builder().method(Method::POST).uri(url).header(CONTENT_TYPE, "application/json");
        if let Some((name, secret)) = shown {
            let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| "the secret holds what no header may hold".to_owned())?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        self.send(request.header(PROTOCOL_VERSION, "2025-11-25"), HELLO.to_owned()).await
    }

    /// Posts a form.
    ///
    /// # Errors
    /// As [`Visitor::get`].
    pub async fn post_form(&self, url: &str, fields: &[(&str, &str)]) -> Result<Seen, String> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::builder().method(Method::POST).uri(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, form).await
    }

    async fn send(&self, request: http::request::Builder, body: String) -> Result<Seen, String> {
        let answer = tokio::time::timeout(TIME, self.exchange(request, body)).await;
        match answer {
            Ok(seen) => seen.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} seconds", TIME.as_secs())),
        }
    }

    async fn exchange(&self, request: http::request::Builder, body: String) -> Result<Seen, BoxError> {
        let body = Full::from(body).map_err(|never| match never {}).boxed();
        let request = request.header(ACCEPT, "application/json, text/event-stream").body(body)?;
        let (head, body) = self.0.send(request).await?.into_parts();
        // A stream has no end; its head says enough.
        let streams = head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let body = if streams { Bytes::new() } else { Limited::new(body, MOST_BYTES).collect().await?.to_bytes() };
        Ok(Seen { status: head.status, headers: head.headers, body })
    }
}

impl Seen {
    /// The document, where it is one.
    ///
    /// # Errors
    /// What came instead.
    pub fn document(&self) -> Result<Value, String> {
        if self.status != StatusCode::OK {
            return Err(format!("it answers with status {}", self.status.as_u16()));
        }
        serde_json::from_slice(&self.body).map_err(|_| "it answers with something that is not JSON".to_owned())
    }

    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How many seconds the other side's clock is ahead of this one (RFC 9110 §6.6.1).
    pub fn ahead(&self, now: Timestamp) -> Option<i64> {
        let date = Timestamp::from_http_date(self.header(&DATE)?)?;
        Some(date.seconds() - now.seconds())
    }
}

//! Requests and whole answers.

use std::time::Duration;

use bytes::Bytes;
use chancery_outbound::{BoxError, Upstreams};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use serde::de::DeserializeOwned;
use url::Url;

use super::JourneyError;

const MOST_BYTES: usize = 1 << 20;
const TIME: Duration = Duration::from_secs(20);

/// What is to be sent, and what for.
pub struct Ask {
    pub does: &'static str,
    pub method: Method,
    pub to: Url,
    pub headers: Vec<(HeaderName, String)>,
    pub body: String,
}

/// A whole answer.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Ask {
    pub fn get(does: &'static str, to: &str) -> Result<Self, JourneyError> {
        let parsed = Url::parse(to);
        let to = parsed.map_err(|error| JourneyError::NotSent { does, request: to.to_owned(), source: error.into() })?;
        Ok(Self { does, method: Method::GET, to, headers: Vec::new(), body: String::new() })
    }

    pub fn json(does: &'static str, to: &str, body: String) -> Result<Self, JourneyError> {
        Ok(Self { method: Method::POST, body, ..Self::get(does, to)? }.with(CONTENT_TYPE, "application/json"))
    }

    pub fn form(does: &'static str, to: &str, fields: &[(&str, &str)]) -> Result<Self, JourneyError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Ok(Self { method: Method::POST, body, ..Self::get(does, to)? }.with(CONTENT_TYPE, "application/x-www-form-urlencoded"))
    }

    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Method and path: a query may hold what nobody should read over a shoulder.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.to.path())
    }

    pub async fn send(&self, upstreams: &Upstreams) -> Result<Answer, JourneyError> {
        let answer = tokio::time::timeout(TIME, self.exchange(upstreams)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} seconds", TIME.as_secs()).into()));
        answer.map_err(|source| JourneyError::NotSent { does: self.does, request: self.line(), source })
    }

    async fn exchange(&self, upstreams: &Upstreams) -> Result<Answer, BoxError> {
        let mut request = Request::builder().method(&self.method).uri(self.to.as_str());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = Full::from(self.body.clone()).map_err(|never| match never {}).boxed();
        let (head, body) = upstreams.send(request.body(body)?).await?.into_parts();
        let body = Limited::new(body, MOST_BYTES).collect().await?.to_bytes();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    pub fn unexpected(&self, answer: &Answer, why: String) -> JourneyError {
        JourneyError::Unexpected { does: self.does, request: self.line(), status: answer.status, why }
    }
}

impl Answer {
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| error.to_string())
    }
}

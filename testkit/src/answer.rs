//! An HTTP answer, and what tests say about it.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use url::Url;

/// A whole answer, read to its end.
#[derive(Clone)]
pub struct Answer {
    /// What was asked for.
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// # Panics
    /// When the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    pub fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Where a redirect points.
    ///
    /// # Panics
    /// When this is no redirect.
    pub fn location(&self) -> Url {
        let location = self.header(header::LOCATION).filter(|_| self.status.is_redirection());
        let location = location.unwrap_or_else(|| panic!("no redirect: {self:?}"));
        self.url.join(location).unwrap_or_else(|error| panic!("{location:?} is no URL: {error}"))
    }

    /// A query parameter of where the redirect points.
    pub fn sent(&self, name: &str) -> Option<String> {
        self.location().query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// # Panics
    /// When the status is another.
    pub fn has_status(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// An OAuth error answer (RFC 6749 §5.2), whole: status, `error`, a description, and nothing to be cached.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn refused(&self, status: u16, error: &str) -> &Self {
        let body = self.has_status(status).json();
        assert_eq!(body["error"], error, "{self:?}");
        let words = body["error_description"].as_str().unwrap_or_default();
        assert!(!words.is_empty(), "a refusal says why: {self:?}");
        self
    }

    /// An error sent back to the client by redirect (RFC 6749 §4.1.2.1), with `iss` (RFC 9207 §2), and no code.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn sent_back(&self, error: &str) -> &Self {
        assert!(matches!(self.status.as_u16(), 302 | 303), "{self:?}");
        assert_eq!(self.sent("error").as_deref(), Some(error), "{self:?}");
        assert!(self.sent("iss").is_some() && self.sent("code").is_none(), "{self:?}");
        self
    }

    /// A refusal that a person reads on our own page, by this row. Nobody is redirected.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn refused_on_page(&self, row: &str) -> &Self {
        self.has_status(400);
        assert!(self.header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html")), "{self:?}");
        assert!(!self.headers.contains_key(header::LOCATION), "{self:?}");
        assert!(self.text().contains(row), "not by {row}: {self:?}");
        self
    }

    /// A 401 or 403 with this error in its challenge (RFC 6750 §3, RFC 9449 §7.1), which always says where the metadata is.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn challenged(&self, error: &str) -> &Self {
        let status = if error == "insufficient_scope" { 403 } else { 401 };
        self.has_status(status);
        assert_eq!(self.challenge("error").as_deref(), Some(error), "{self:?}");
        assert!(self.challenge("resource_metadata").is_some(), "{self:?}");
        self
    }

    /// A parameter of the challenge, whichever scheme has it first.
    pub fn challenge(&self, parameter: &str) -> Option<String> {
        let line = self.header(header::WWW_AUTHENTICATE)?;
        let line = line.strip_prefix("Bearer ").or_else(|| line.strip_prefix("DPoP "))?;
        let from = line.find(&format!("{parameter}=\""))? + parameter.len() + 2;
        Some(line[from..].split('"').next()?.to_owned())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} from {}", self.status, self.url)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, "\n{}", self.text())
    }
}

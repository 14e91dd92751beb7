//! Fetches small documents whole: metadata, keys, token answers. Limits come from the purpose; redirects are not followed. We ask for no
//! compression and take none, so that what is read is as large as what was sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::Client;
use tokio::time::timeout;

use crate::connector::{Connector, client, dial_error};
use crate::purpose::Limits;
use crate::shares::Shares;
use crate::{DialError, Dialer, Purpose, Trust};

/// A fetched document, whatever its status; never a redirect.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub status: StatusCode,
    pub content_type: Option<String>,
    pub body: Bytes,
    /// What `Cache-Control` allows; nothing for `no-store` and `no-cache`.
    pub max_age: Option<Duration>,
}

/// A document could not be fetched: which, and why.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{address} could not be fetched: {trouble}")]
pub struct FetchError {
    /// The address without its query.
    pub address: String,
    pub trouble: FetchTrouble,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FetchTrouble {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("no answer within {} seconds", .0.as_secs())]
    TooSlow(Duration),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the answer is packed by {0}, which was not asked for")]
    Packed(String),
    /// So many are under way for the same purpose.
    #[error("{0} fetches of this kind are under way already")]
    Crowded(usize),
    #[error("it answers with a redirect ({}), and none is followed; write the final address", .0.as_u16())]
    Redirected(StatusCode),
    /// Only from [`crate::Documents`], which keeps nothing but successes.
    #[error("it answers with status {}", .0.as_u16())]
    Status(StatusCode),
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// Fetches. Cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    operator: Client<Connector, Full<Bytes>>,
    listed: Client<Connector, Full<Bytes>>,
    peer: Client<Connector, Full<Bytes>>,
    shares: Arc<Shares>,
}

impl Fetcher {
    pub fn new(dialer: &Dialer) -> Self {
        let [operator, listed, peer] = [Trust::Operator, Trust::Listed, Trust::Peer].map(|trust| client(dialer, trust));
        Self { operator, listed, peer, shares: Arc::default() }
    }

    /// # Errors
    /// [`FetchError`]; an answer of any status but a redirect is no error.
    pub async fn get(&self, purpose: Purpose, url: &str) -> Result<Fetched, FetchError> {
        self.fetch(purpose, url, |to| request(Method::GET, to, &[], String::new())).await
    }

    /// The same with a bearer token (RFC 6750 §2.1), for our own command line.
    ///
    /// # Errors
    /// As [`Fetcher::get`].
    pub async fn get_with(&self, purpose: Purpose, url: &str, token: &str) -> Result<Fetched, FetchError> {
        let headers = bearer(token);
        self.fetch(purpose, url, |to| request(Method::GET, to, &headers, String::new())).await
    }

    /// Posts JSON with a bearer token.
    ///
    /// # Errors
    /// As [`Fetcher::get`].
    pub async fn post_json(&self, purpose: Purpose, url: &str, token: &str, json: String) -> Result<Fetched, FetchError> {
        let headers = bearer(token);
        let as_json = |to| {
            let mut request = request(Method::POST, to, &headers, json);
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            request
        };
        self.fetch(purpose, url, as_json).await
    }

    /// Posts a form (`application/x-www-form-urlencoded`, already encoded).
    ///
    /// # Errors
    /// As [`Fetcher::get`].
    pub async fn post_form(
        &self,
        purpose: Purpose,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        form: String,
    ) -> Result<Fetched, FetchError> {
        self.fetch(purpose, url, |to| request(Method::POST, to, headers, form)).await
    }

    /// Sends a body as it is, of the type that the headers say; an empty one is none.
    ///
    /// # Errors
    /// As [`Fetcher::get`].
    pub async fn send(
        &self,
        purpose: Purpose,
        (method, url): (Method, &str),
        headers: &[(HeaderName, HeaderValue)],
        body: impl Into<Bytes>,
    ) -> Result<Fetched, FetchError> {
        self.fetch(purpose, url, |to| request(method, to, headers, body)).await
    }

    async fn fetch(&self, purpose: Purpose, url: &str, request: impl FnOnce(Uri) -> Request<Full<Bytes>>) -> Result<Fetched, FetchError> {
        let limits = purpose.limits();
        let outcome = match to_uri(url) {
            Some(to) => {
                let fetched = timeout(limits.time, self.in_turn(purpose, &limits, request(to))).await;
                fetched.unwrap_or(Err(FetchTrouble::TooSlow(limits.time)))
            }
            None => Err(DialError::NotAnAddress.into()),
        };
        outcome.map_err(|trouble| FetchError { address: without_query(url), trouble })
    }

    async fn in_turn(&self, purpose: Purpose, limits: &Limits, request: Request<Full<Bytes>>) -> Result<Fetched, FetchTrouble> {
        let host = request.uri().authority().map_or("", |authority| authority.as_str());
        let _share = self.shares.take(purpose, limits, host).await?;
        self.exchange(limits, request).await
    }

    async fn exchange(&self, limits: &Limits, request: Request<Full<Bytes>>) -> Result<Fetched, FetchTrouble> {
        let client = match limits.trust {
            Trust::Operator => &self.operator,
            Trust::Listed => &self.listed,
            Trust::Peer => &self.peer,
        };
        let header = timeout(limits.first_byte, client.request(request)).await;
        let answer = header.map_err(|_| FetchTrouble::TooSlow(limits.first_byte))?.map_err(|error| match dial_error(&error) {
            Some(dial) => dial.into(),
            None => FetchTrouble::Broken(error.to_string()),
        })?;
        if answer.status().is_redirection() {
            return Err(FetchTrouble::Redirected(answer.status())); // SB-09
        }
        if let Some(packed) = text(answer.headers(), &CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            return Err(FetchTrouble::Packed(packed));
        }
        let (status, content_type, max_age) = (answer.status(), text(answer.headers(), &CONTENT_TYPE), max_age(answer.headers()));
        Ok(Fetched { status, content_type, max_age, body: read(answer, limits.most_bytes).await? })
    }
}

/// By way of the WHATWG parser, so that odd spellings of a host (`http://2130706433/`) have become what they mean.
fn to_uri(url: &str) -> Option<Uri> {
    let url = url::Url::parse(url).ok()?;
    let plain = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    plain.then(|| url.as_str().parse().ok())?
}

/// Nothing, for what cannot stand in a header: the answer will be that a token is missing.
fn bearer(token: &str) -> Vec<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok();
    value.iter_mut().for_each(|value| value.set_sensitive(true));
    value.map(|value| (AUTHORIZATION, value)).into_iter().collect()
}

fn request(method: Method, to: Uri, headers: &[(HeaderName, HeaderValue)], body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body.into()));
    let all = request.headers_mut();
    all.insert(ACCEPT, HeaderValue::from_static("application/json"));
    all.insert(USER_AGENT, HeaderValue::from_static(concat!("chancery/", env!("CARGO_PKG_VERSION"))));
    if method == Method::POST {
        all.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    }
    for (name, value) in headers {
        all.insert(name, value.clone());
    }
    *request.method_mut() = method;
    *request.uri_mut() = to;
    request
}

async fn read(answer: Response<Incoming>, most: usize) -> Result<Bytes, FetchTrouble> {
    let mut body = answer.into_body();
    if body.size_hint().lower() > most as u64 {
        return Err(FetchTrouble::TooLarge(most));
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchTrouble::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > most {
            return Err(FetchTrouble::TooLarge(most));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let control = text(headers, &CACHE_CONTROL)?.to_ascii_lowercase();
    let mut directives = control.split(',').map(str::trim);
    if directives.clone().any(|directive| matches!(directive, "no-store" | "no-cache")) {
        return Some(Duration::ZERO);
    }
    directives.find_map(|directive| directive.strip_prefix("max-age=")?.trim_matches('"').parse().ok()).map(Duration::from_secs)
}

/// An address as it may be told: a query may hold what is nobody's business.
pub(crate) fn without_query(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
}

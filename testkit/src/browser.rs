//! An HTTP client that does what it is told: a browser with a cookie jar that follows no redirect by itself, or a bare program without one.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chancery_core::Clock;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::Url;

use crate::{Answer, Form, Hasty, Jar};

/// The most redirects a person's browser follows in one journey.
const MOST_REDIRECTS: usize = 20;

/// A client over plain HTTP.
#[derive(Clone)]
pub struct Browser {
    client: Client<HttpConnector, Full<Bytes>>,
    jar: Option<Arc<Mutex<Jar>>>,
    /// All that it was answered, where somebody wants to know.
    diary: Option<Arc<Mutex<Vec<Answer>>>>,
    /// Where the proxy in front of the site says that it is.
    whereabouts: Option<String>,
    clock: Arc<dyn Clock>,
}

impl Browser {
    /// A browser nobody has used yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { jar: Some(Arc::default()), ..Self::program(clock) }
    }

    /// A program: no cookies.
    pub fn program(clock: Arc<dyn Clock>) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), jar: None, diary: None, whereabouts: None, clock }
    }

    /// The same from another address; the site trusts the proxy that says so.
    #[must_use]
    pub fn coming_from(self, address: &str) -> Self {
        Self { whereabouts: Some(address.to_owned()), ..self }
    }

    /// The same, keeping what it is answered.
    #[must_use]
    pub fn keeping_a_diary(self) -> Self {
        Self { diary: Some(Arc::default()), ..self }
    }

    /// All that it was answered so far, if it keeps a diary.
    pub fn diary(&self) -> Vec<Answer> {
        self.diary.as_ref().map(|diary| diary.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    /// Looks into the cookie jar, or changes it.
    ///
    /// # Panics
    /// When this is a program, which has none.
    pub fn cookies<T>(&self, look: impl FnOnce(&mut Jar) -> T) -> T {
        let jar = self.jar.as_ref().expect("a program has no cookies");
        look(&mut jar.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends a request as it is, but for the cookies.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn send(&self, request: Request<Bytes>) -> Answer {
        let (url, request) = self.complete(request);
        let sent = self.client.request(request.map(Full::new)).await;
        let (head, body) = sent.unwrap_or_else(|error| panic!("{url} did not answer: {error:?}")).into_parts();
        let body = body.collect().await.unwrap_or_else(|error| panic!("{url} broke off: {error:?}")).to_bytes();
        if self.jar.is_some() {
            self.cookies(|jar| jar.keep(&url, &head.headers, self.clock.now()));
        }
        let answer = Answer { url, status: head.status, headers: head.headers, body };
        if let Some(diary) = &self.diary {
            diary.lock().unwrap_or_else(PoisonError::into_inner).push(answer.clone());
        }
        answer
    }

    /// Sends a request, over a connection of its own that is closed before the answer comes.
    pub async fn hastily(&self, request: Request<Bytes>) -> Hasty {
        Hasty::asks(self.complete(request).1).await
    }

    /// With the cookies, and where it comes from.
    fn complete(&self, request: Request<Bytes>) -> (Url, Request<Bytes>) {
        let url = Url::parse(&request.uri().to_string()).expect("requests name an absolute URL");
        let (mut head, body) = request.into_parts();
        if let Some(address) = &self.whereabouts {
            head.headers.insert("x-forwarded-for", address.parse().expect("an address is plain text"));
        }
        let foreign_post = head.method == Method::POST && is_from_elsewhere(&head.headers, &url);
        if let Some(cookies) = self.jar.as_ref().and_then(|_| self.cookies(|jar| jar.header(&url, foreign_post, self.clock.now()))) {
            head.headers.append(header::COOKIE, cookies.parse().expect("cookies are plain text"));
        }
        (url, Request::from_parts(head, body))
    }

    pub async fn get(&self, url: &str) -> Answer {
        self.send(request(Method::GET, url).body(Bytes::new()).expect("a request")).await
    }

    /// Posts a form as a program would: without an `Origin`.
    pub async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(form_request(url).body(encoded(fields)).expect("a request")).await
    }

    /// The same with more headers.
    pub async fn post_with(&self, url: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let request = headers.iter().fold(form_request(url), |request, (name, value)| request.header(*name, *value));
        self.send(request.body(encoded(fields)).expect("a request")).await
    }

    pub async fn post_json(&self, url: &str, body: &serde_json::Value) -> Answer {
        let request = request(Method::POST, url).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Bytes::from(body.to_string())).expect("a request")).await
    }

    /// Submits a page's form: the browser says which origin the page had.
    pub async fn submit(&self, form: Form, page: &Url) -> Answer {
        self.send(form.request(page)).await
    }

    /// Follows redirects until an answer is none, or until one points to where `stop` says so; that one is not followed.
    ///
    /// # Panics
    /// When there is no end to them.
    pub async fn follow(&self, mut answer: Answer, stop: impl Fn(&Url) -> bool) -> Answer {
        for _ in 0..MOST_REDIRECTS {
            if !answer.status.is_redirection() || stop(&answer.location()) {
                return answer;
            }
            answer = self.get(answer.location().as_str()).await;
        }
        panic!("more than {MOST_REDIRECTS} redirects, the last to {}", answer.location());
    }
}

/// Whether a page of another site sends this. Ports do not part sites. A page that hides its origin is told by `Sec-Fetch-Site`.
fn is_from_elsewhere(headers: &HeaderMap, url: &Url) -> bool {
    let Some(origin) = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) else { return false };
    match Url::parse(origin) {
        Ok(origin) => (origin.scheme(), origin.host_str()) != (url.scheme(), url.host_str()),
        Err(_) => headers.get("sec-fetch-site").is_none_or(|site| site != "same-origin"),
    }
}

/// A request to an absolute URL.
pub fn request(method: Method, url: &str) -> http::request::Builder {
    Request::builder().method(method).uri(url)
}

pub(crate) fn form_request(url: &str) -> http::request::Builder {
    request(Method::POST, url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

pub(crate) fn encoded(fields: &[(&str, &str)]) -> Bytes {
    Bytes::from(form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
}

//! The names under which this server is asked (RFC 9110 §7.4).
//!
//! A web page may have its own name lead here (DNS rebinding), and then reads answers as if they were its own: its requests come under that
//! name, always. So what names a host that is neither a tenant's, nor a resource's, nor the file's is not answered. An address cannot be
//! rebound, and is what a proxy or a probe may call us by.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use chancery_audit::{Counter, Counters};
use chancery_registry::Registry;
use futures_util::future::{Either, Ready, ready};
use http::header::{CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderValue, StatusCode};
use tower::Service;
use tower::layer::layer_fn;

const FOREIGN: Counter = Counter { endpoint: "any", reason: "foreign_host", row: "" };

const WORDS: &str = "This server is not known by the host that was asked for. If it is to be, name that host in `server.hosts` of its \
                     configuration, or have the proxy in front send the Host that it received.\n";

/// Whose they are. Cloning shares it.
#[derive(Clone)]
pub struct Hosts {
    registry: Registry,
    counters: Counters,
    /// What the file names.
    named: Arc<[String]>,
}

impl Hosts {
    pub fn new(registry: Registry, counters: Counters, named: Vec<String>) -> Self {
        Self { registry, counters, named: named.into() }
    }

    /// The same routes, under these names alone.
    pub fn only(self, router: Router) -> Router {
        router.layer(layer_fn(move |routes| Named { hosts: self.clone(), routes }))
    }

    fn are_ours(&self, host: &str) -> bool {
        let is_ours = |host: &str| host == "localhost" || self.registry.is_public_at(host) || self.named.iter().any(|named| named == host);
        let is_plain = !host.bytes().any(|byte| byte.is_ascii_uppercase());
        is_address(host) || if is_plain { is_ours(host) } else { is_ours(&host.to_ascii_lowercase()) }
    }

    /// Nobody in particular asked, so it is counted.
    fn refused(&self) -> Response {
        self.counters.count(None, FOREIGN);
        let mut response = (StatusCode::MISDIRECTED_REQUEST, Body::from(WORDS)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}

/// Routes that answer to these names. No `axum::middleware`: it would box each request's way once more (docs/benches.md).
#[derive(Clone)]
struct Named<S> {
    hosts: Hosts,
    routes: S,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Named<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.routes.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // HTTP/1.0 may name none, and no browser speaks it.
        match asked(&request) {
            Some(host) if !self.hosts.are_ours(host.host()) => Either::Right(ready(Ok(self.hosts.refused()))),
            _ => Either::Left(self.routes.call(request)),
        }
    }
}

/// The host that is asked for; the listener let through one that has one reading.
fn asked(request: &Request) -> Option<Authority> {
    let header = || request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    request.uri().authority().cloned().or_else(header)
}

fn is_address(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

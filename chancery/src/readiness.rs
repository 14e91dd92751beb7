//! Whether this node should be sent requests (`GET /ready`), for the balancer in front and for whoever looks after it.
//!
//! It is ready while it knows what was ended, and until it is told to stop. How the upstreams are is said beside it and changes nothing:
//! one server that is down must not take away the way to all the others. Who is who is told only where metrics are read.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chancery_console::api::message::{FeedNews, NodeHealth, UpstreamHealth};
use chancery_gateway::Gateway;
use chancery_registry::config::WhenLost;
use chancery_tokens::Followed;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderName, StatusCode};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// Where it is asked for.
const PATH: &str = "/ready";

/// Cloning shares it.
#[derive(Clone)]
pub struct Readiness {
    inner: Arc<Inner>,
    /// Whether it names the upstreams.
    names: bool,
}

struct Inner {
    followed: Followed,
    gateway: Gateway,
    drain: CancellationToken,
}

/// What anybody may know.
#[derive(Serialize)]
struct Told {
    ready: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
    feed: FeedNews,
    upstreams: Upstreams,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Upstreams {
    Counted { asked: usize, resting: usize },
    Named(Vec<UpstreamHealth>),
}

impl Readiness {
    pub fn new(followed: Followed, gateway: Gateway, drain: CancellationToken) -> Self {
        Self { inner: Arc::new(Inner { followed, gateway, drain }), names: false }
    }

    /// The same, which names the upstreams.
    pub fn naming(&self) -> Self {
        Self { names: true, ..self.clone() }
    }

    pub fn router(self) -> Router {
        Router::new().route(PATH, get(answer)).with_state(self)
    }

    /// All of it.
    pub fn health(&self) -> NodeHealth {
        let Inner { followed, gateway, drain } = &*self.inner;
        let (lag, config) = (followed.lag(), followed.config());
        let is_lost = lag > config.lost_after;
        let why = match (is_lost, drain.is_cancelled()) {
            (true, _) => {
                let then = match config.then {
                    WhenLost::Refuse => "tokens are refused until there is news",
                    WhenLost::Serve => "tokens are taken all the same, as `server.feed` says",
                };
                format!("the database's change feed was not heard for {} s, so what was ended is not known; {then}", lag.as_secs())
            }
            (false, true) => "this server is about to stop".to_owned(),
            (false, false) => String::new(),
        };
        let feed = FeedNews { lag_seconds: lag.as_secs_f64(), lost_after_seconds: config.lost_after.as_secs(), lost: is_lost };
        let upstreams = gateway.health().into_iter();
        let upstreams = upstreams.map(|upstream| UpstreamHealth {
            resource: upstream.resource,
            address: upstream.address,
            resting: upstream.resting.unwrap_or_default(),
        });
        NodeHealth { ready: why.is_empty(), why, feed, upstreams: upstreams.collect() }
    }
}

async fn answer(State(readiness): State<Readiness>) -> Response {
    let NodeHealth { ready, why, feed, upstreams } = readiness.health();
    let upstreams = if readiness.names {
        Upstreams::Named(upstreams)
    } else {
        let resting = upstreams.iter().filter(|upstream| !upstream.resting.is_empty()).count();
        Upstreams::Counted { asked: upstreams.len(), resting }
    };
    let told = Json(Told { ready, why, feed, upstreams });
    let fresh: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];
    if ready { (fresh, told).into_response() } else { (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], fresh, told).into_response() }
}

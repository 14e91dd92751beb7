//! Watches a request from its head to the end of its answer's body: counts it, times it, and gives it its place in a trace.
//!
//! 1. read `traceparent`, or begin a trace; what goes on to an upstream says our own span instead; 2. answer; 3. when the body has ended,
//!    or whoever wanted it has gone, tell.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use chancery_gateway::{Authenticated, Leg};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use super::Telemetry;
use super::metrics::{Answered, Metrics, Route, Upstream, class, defined, known};
use super::spans::{Told, Traced, Tracer};

/// What all resources are one of: their addresses are no routes of the code.
const RESOURCE: &str = "resource";

pub async fn observe(State(telemetry): State<Telemetry>, mut request: Request, next: Next) -> Response {
    let watched = Watched::begin(&telemetry, &mut request);
    watched.answered(next.run(request).await)
}

struct Watched {
    route: String,
    method: &'static str,
    path: String,
    began: Instant,
    at: SystemTime,
    metrics: Option<Arc<Metrics>>,
    in_flight: Option<InFlight>,
    traced: Option<(Tracer, Traced)>,
}

/// One more, until it is dropped.
struct InFlight(Gauge);

impl InFlight {
    fn on(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Watched {
    fn begin(telemetry: &Telemetry, request: &mut Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or(RESOURCE, MatchedPath::as_str).to_owned();
        let metrics = telemetry.metrics.as_ref().map(|(_, metrics)| metrics.clone());
        let in_flight = metrics.as_ref().map(|metrics| {
            let of_route = Route { route: route.clone() };
            InFlight::on(metrics.in_flight.get_or_create(&of_route).clone())
        });
        let traced = telemetry.tracer.clone().map(|tracer| {
            let traced = tracer.begin(request.headers_mut());
            (tracer, traced)
        });
        #[expect(clippy::disallowed_methods, reason = "spans tell when something was; nothing is decided by it")]
        let at = SystemTime::now();
        let (method, path) = (known(request.method()), request.uri().path().to_owned());
        Self { route, method, path, began: Instant::now(), at, metrics, in_flight, traced }
    }

    /// The same answer, with somebody who sees its end.
    fn answered(self, response: Response) -> Response {
        let (status, leg) = (response.status(), response.extensions().get::<Leg>().cloned());
        if let Some(metrics) = &self.metrics {
            let answered = Answered { route: self.route.clone(), method: self.method, status: defined(status) };
            metrics.answered.get_or_create(&answered).inc();
            metrics.seconds.get_or_create(&Route { route: self.route.clone() }).observe(self.began.elapsed().as_secs_f64());
            if let Some(leg) = &leg {
                let upstream = Upstream { resource: leg.resource.url.to_string(), class: class(leg.status) };
                metrics.upstream_seconds.get_or_create(&upstream).observe((leg.answered - leg.sent).as_secs_f64());
            }
        }
        let authenticated = response.extensions().get::<Authenticated>().is_some();
        let ending = Ending { watched: self, status: status.as_u16(), leg, authenticated };
        response.map(|body| Body::new(Until { body, _ending: ending }))
    }
}

/// Tells, when it is dropped.
struct Ending {
    watched: Watched,
    status: u16,
    leg: Option<Leg>,
    authenticated: bool,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.watched.in_flight = None;
        let Some((tracer, traced)) = self.watched.traced.take() else { return };
        let Watched { began, at, route, method, path, .. } = &self.watched;
        let offset = |instant: Instant| *at + instant.saturating_duration_since(*began);
        let (route, path) = match &self.leg {
            Some(_) => (RESOURCE, Some(&**path)), // it is the address of a resource, word for word
            None => (&**route, None),
        };
        let told = Told { name: format!("{method} {route}"), route, method, path, status: self.status, authenticated: self.authenticated };
        let whole = (*at, *at + began.elapsed().max(Duration::from_nanos(1)));
        tracer.tell(&traced, &told, whole, self.leg.as_ref().map(|leg| (offset(leg.sent), offset(leg.answered))));
    }
}

/// A body that is somebody's concern until it has ended.
struct Until {
    body: Body,
    _ending: Ending,
}

impl HttpBody for Until {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

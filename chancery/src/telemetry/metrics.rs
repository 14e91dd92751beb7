//! The numbers of requests. Their labels are routes as the code has them, methods that are known, and statuses: however many requests
//! come, and whatever they ask for, there are only so many series.

use http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Answered {
    pub route: String,
    pub method: &'static str,
    pub status: u16,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Route {
    pub route: String,
}

/// From a request that touches nothing to one that waits for a person.
const SECONDS: [f64; 13] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

pub struct Metrics {
    pub registry: Registry,
    pub answered: Family<Answered, Counter>,
    pub seconds: Family<Route, Histogram>,
    pub in_flight: Family<Route, Gauge>,
    pub upstream_seconds: Histogram,
}

impl Metrics {
    pub fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("chancery"),
            answered: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            in_flight: Family::default(),
            upstream_seconds: Histogram::new(SECONDS),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests that were answered", self.answered.clone());
        let help = "Until the head of an answer was ready";
        registry.register_with_unit("http_answer", help, Unit::Seconds, self.seconds.clone());
        registry.register("http_in_flight", "Requests whose answer has not ended, streams among them", self.in_flight.clone());
        let help = "From sending a request on to the head of the upstream's answer";
        registry.register_with_unit("upstream_answer", help, Unit::Seconds, self.upstream_seconds.clone());
        self
    }
}

/// A method by its name, where it is one that anybody should use.
pub fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

//! The numbers of requests. Their labels are routes as the code has them, resources as the registry has them, methods and statuses that are
//! known: however many requests come, whatever they ask for, and whatever an upstream answers, there are only so many series.

use http::{Method, StatusCode};
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

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Upstream {
    pub resource: String,
    pub class: &'static str,
}

/// From a request that touches nothing to one that waits for a person.
const SECONDS: [f64; 13] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

pub struct Metrics {
    pub registry: Registry,
    pub answered: Family<Answered, Counter>,
    pub seconds: Family<Route, Histogram>,
    pub in_flight: Family<Route, Gauge>,
    pub upstream_seconds: Family<Upstream, Histogram>,
}

impl Metrics {
    pub fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("chancery"),
            answered: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            in_flight: Family::default(),
            upstream_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
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

/// A status, or what a reader takes one for that nobody has defined: the first of its class (RFC 9110 §15).
pub fn defined(status: StatusCode) -> u16 {
    let number = status.as_u16();
    if status.canonical_reason().is_some() { number } else { number - number % 100 }
}

pub fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500..600 => "5xx",
        600.. => "other",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_nobody_has_defined_is_the_first_of_its_class() {
        let all = || (100..1000).map(|number| StatusCode::from_u16(number).expect("three digits"));
        let kept: std::collections::BTreeSet<u16> = all().map(defined).collect();
        assert!(kept.len() < 80, "{kept:?}");
        assert!([200, 207, 404, 418, 429, 599 - 99].iter().all(|status| kept.contains(status)));
        assert!(all().all(|status| defined(status) / 100 == status.as_u16() / 100));
        assert!(all().all(|status| class(status) == "other" || class(status)[..1] == status.as_str()[..1]));
    }
}

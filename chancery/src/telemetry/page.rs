//! The page of metrics, and what on it others count: refusals of nobody in particular, events of the audit log, Units that could not be
//! committed, how far the change feed was followed, how the upstreams are, and the process itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chancery_audit::{Counters, Journal};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use tokio::sync::watch;

use super::metrics::Metrics;
use super::process::Process;
use crate::readiness::Readiness;

/// What others count, to be read when the page is.
#[derive(Clone)]
pub struct Totals {
    pub counters: Counters,
    pub journal: Journal,
    /// The highest number of the change feed that was followed.
    pub applied: watch::Receiver<i64>,
    pub readiness: Readiness,
}

#[derive(Clone)]
struct Page {
    metrics: Arc<Metrics>,
    totals: Arc<prometheus_client::registry::Registry>,
}

pub fn router(metrics: Arc<Metrics>, totals: Totals) -> Router {
    let mut others = prometheus_client::registry::Registry::default();
    others.register_collector(Box::new(totals));
    Router::new().route("/metrics", get(page)).with_state(Page { metrics, totals: Arc::new(others) })
}

async fn page(State(page): State<Page>) -> Response {
    let mut text = String::new();
    let written = prometheus_client::encoding::text::encode_registry(&mut text, &page.metrics.registry)
        .and_then(|()| prometheus_client::encoding::text::encode(&mut text, &page.totals));
    match written {
        Ok(()) => ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl std::fmt::Debug for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Totals")
    }
}

impl Collector for Totals {
    fn encode(&self, mut page: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut refusals = page.encode_descriptor(
            "chancery_refusals",
            "Requests of nobody in particular that were refused: by endpoint, reason and the row of docs/conformance.md",
            None,
            MetricType::Counter,
        )?;
        for (refusal, count) in self.counters.totals() {
            let labels = [("endpoint", refusal.endpoint), ("reason", refusal.reason), ("row", refusal.row)];
            counter(refusals.encode_family(&labels)?, count)?;
        }
        let mut events = page.encode_descriptor("chancery_events", "Events written to the audit log", None, MetricType::Counter)?;
        for (kind, count) in self.journal.written() {
            counter(events.encode_family(&[("kind", kind.as_str())])?, count)?;
        }
        let help = "Units that the store could not commit: what they were for was refused";
        counter(page.encode_descriptor("chancery_commit_failures", help, None, MetricType::Counter)?, self.journal.failures())?;
        let help = "The highest number of the change feed that this node has followed";
        gauge(page.encode_descriptor("chancery_feed_applied", help, None, MetricType::Gauge)?, *self.applied.borrow())?;
        self.health(&mut page)?;
        let mut build = page.encode_descriptor("chancery_build", "The version that runs", None, MetricType::Gauge)?;
        gauge(build.encode_family(&[("version", env!("CARGO_PKG_VERSION"))])?, 1)?;
        let Some(process) = Process::now() else { return Ok(()) };
        let help = "Processor time, of user and system";
        seconds(page.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?, process.cpu_seconds)?;
        gauge(page.encode_descriptor("process_resident_memory_bytes", "Memory", None, MetricType::Gauge)?, process.resident_bytes)?;
        gauge(page.encode_descriptor("process_open_fds", "Open files and sockets", None, MetricType::Gauge)?, process.open_files)
    }
}

impl Totals {
    fn health(&self, page: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let health = self.readiness.health();
        let help = "Whether this node should be sent requests";
        gauge(page.encode_descriptor("chancery_ready", help, None, MetricType::Gauge)?, health.ready.into())?;
        let help = "How old what this node knows of ends is";
        measure(page.encode_descriptor("chancery_feed_lag_seconds", help, None, MetricType::Gauge)?, health.feed.lag_seconds)?;
        let mut addresses: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for upstream in &health.upstreams {
            for state in ["asked", "resting"] {
                let is_so = (state == "resting") != upstream.resting.is_empty();
                *addresses.entry((&upstream.resource, state)).or_default() += i64::from(is_so);
            }
        }
        let help = "Addresses behind a resource, by whether they are asked or left alone for a while";
        let mut upstreams = page.encode_descriptor("chancery_upstream_addresses", help, None, MetricType::Gauge)?;
        for ((resource, state), count) in addresses {
            gauge(upstreams.encode_family(&[("resource", resource), ("state", state)])?, count)?;
        }
        Ok(())
    }
}

fn measure(encoder: MetricEncoder<'_>, value: f64) -> Result<(), std::fmt::Error> {
    prometheus_client::metrics::gauge::ConstGauge::new(value).encode(encoder)
}

fn counter(encoder: MetricEncoder<'_>, count: u64) -> Result<(), std::fmt::Error> {
    prometheus_client::metrics::counter::ConstCounter::new(count).encode(encoder)
}

fn seconds(encoder: MetricEncoder<'_>, count: f64) -> Result<(), std::fmt::Error> {
    prometheus_client::metrics::counter::ConstCounter::new(count).encode(encoder)
}

fn gauge(encoder: MetricEncoder<'_>, value: i64) -> Result<(), std::fmt::Error> {
    prometheus_client::metrics::gauge::ConstGauge::new(value).encode(encoder)
}

//! What a node tells about itself to whoever runs it: [`metrics`], and [`traces`] from client to upstream. What it may tell is a list of
//! words of our own: no address with a query, no header, no body, so no token.
//!
//! Nothing of it is there unless the file's `server:` block asks for it.

mod metrics;
mod observe;
mod page;
mod process;
mod spans;
mod trace_context;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use chancery_crypto::random::SystemRng;
use chancery_outbound::Fetcher;
use chancery_registry::config::{MetricsConfig, TracesConfig};

use crate::exit::Failure;
use metrics::Metrics;
pub use page::Totals;
use spans::Tracer;

/// What a node measures. Cloning shares it.
#[derive(Clone, Default)]
pub struct Telemetry {
    metrics: Option<(SocketAddr, Arc<Metrics>)>,
    tracer: Option<Tracer>,
}

impl Telemetry {
    /// # Errors
    /// [`crate::exit::Exit::File`], where the exporter cannot use what the file says.
    pub fn new(metrics: Option<MetricsConfig>, traces: Option<&TracesConfig>, fetcher: Fetcher) -> Result<Self, Failure> {
        let tracer = traces.map(|traces| Tracer::to(traces, fetcher, Arc::new(SystemRng))).transpose()?;
        Ok(Self { metrics: metrics.map(|metrics| (metrics.listen, Arc::new(Metrics::new()))), tracer })
    }

    /// The same routes, watched where anything is to be told.
    pub fn watching(&self, router: Router) -> Router {
        if self.metrics.is_none() && self.tracer.is_none() {
            return router;
        }
        router.layer(from_fn_with_state(self.clone(), observe::observe))
    }

    /// Where its metrics are to be read, and the page.
    pub fn page(&self, totals: Totals) -> Option<(SocketAddr, Router)> {
        let (address, metrics) = self.metrics.clone()?;
        Some((address, page::router(metrics, totals)))
    }

    /// Sends what is still to be sent. It waits for the collector, but not for long.
    pub async fn finish(&self) {
        if let Some(tracer) = self.tracer.clone() {
            tracer.finish().await;
        }
    }
}

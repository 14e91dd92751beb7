//! The gateway: the streaming data plane in front of MCP servers (streamable HTTP of MCP 2025-11-25 and before, and of 2026-07-28;
//! authorization as RFC 9728 and RFC 6750).
//!
//! A call's way, in types that only their own rooms can build:
//!
//! ```text
//! VerifiedToken → Permit (policy) → Record (the open event) → upstream credential → stream → close event
//! ```
//! Nothing is forwarded without the first three ([`passage`]). Nothing of an answer is gathered: both directions go at the pace of the
//! slower side, and when a client goes, so does its upstream request. A call that comes warm reads no store.

mod answer;
mod challenge;
mod decide;
mod endpoint;
mod era;
pub mod event_stream;
mod events;
mod headers;
mod leaving;
mod leg;
mod listing;
mod members;
mod memory;
mod message;
mod message_counts;
mod metadata;
mod method;
mod mirror;
mod origin;
pub mod passage;
mod record;
mod refusal;
mod session;
mod upstream;
mod verdict;
mod watch;
mod wire;

#[cfg(test)]
mod fixtures;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use chancery_audit::{Counters, Draft, Journal};
use chancery_core::{Clock, Credentials, Rng};
use chancery_outbound::Upstreams;
use chancery_registry::Registry;
use chancery_tokens::{Keyring, Verifier};
use tokio_util::task::TaskTracker;

pub use crate::challenge::parameter as challenge_parameter;
use crate::leaving::Leaving;
pub use crate::leg::{Authenticated, Leg};
use crate::memory::Memory;
use crate::message_counts::MessageCounts;
use crate::passage::Way;
use crate::record::Recorder;
use crate::upstream::Backends;
pub use crate::upstream::{Health, client as way_to};

/// What a gateway works with.
pub struct Parts {
    pub registry: Registry,
    pub keyring: Keyring,
    pub verifier: Verifier,
    pub journal: Journal,
    pub counters: Counters,
    /// Who makes what upstreams accept in a caller's name.
    pub credentials: Arc<dyn Credentials>,
    pub upstreams: Upstreams,
    /// The commands that this node runs as upstreams.
    pub commands: Vec<String>,
    /// How many bytes of large messages it holds at once.
    pub large_messages: usize,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

/// The gateway of a node. Cloning shares it.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    keyring: Keyring,
    verifier: Verifier,
    way: Way,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    leaving: Leaving,
    memory: Memory,
}

impl Gateway {
    pub fn new(parts: Parts) -> Self {
        let Parts { registry, keyring, verifier, journal, counters, credentials, upstreams, commands, large_messages, clock, rng } = parts;
        let (messages, writing, leaving) = (MessageCounts::default(), TaskTracker::new(), Leaving::default());
        let recorder = Recorder { journal, counters, messages, clock: clock.clone(), rng: rng.clone(), writing, leaving: leaving.clone() };
        let way = Way { backends: Backends::new(upstreams, commands, (clock.clone(), rng.clone())), credentials };
        Self {
            inner: Arc::new(Inner { registry, keyring, verifier, way, recorder, clock, rng, leaving, memory: Memory::of(large_messages) }),
        }
    }

    /// The metadata of all resources, and, as the fallback, every path that is a resource's. So it can be merged with routers that
    /// have routes alone.
    pub fn router(&self) -> Router {
        let metadata = || get(metadata::document).options(metadata::preflight);
        Router::new()
            .route(metadata::PATH, metadata())
            .route(&format!("{}/{{*path}}", metadata::PATH), metadata())
            .fallback(endpoint::answer)
            .with_state(self.clone())
    }

    /// Writes down the counts of messages that are no events; call it on a schedule, and once more at the end. What could not be
    /// written is kept for the next time.
    pub async fn summarise(&self) {
        let Recorder { journal, messages, .. } = &self.inner.recorder;
        for drained in messages.drain() {
            let events = drained.events(self.inner.clock.now(), &*self.inner.rng);
            if let Err(error) = journal.commit(&drained.tenant, Draft { events, ..Draft::default() }).await {
                tracing::warn!(tenant = %drained.tenant, %error, "messages could not be summarised; they are kept for the next summary");
                messages.restore(drained);
            }
        }
    }

    /// How the upstreams are that were asked so far.
    pub fn health(&self) -> Vec<Health> {
        self.inner.way.backends.health()
    }

    /// Forgets what stands behind no resource any more; call it on a schedule.
    pub fn tidy(&self) {
        self.inner.way.backends.prune(|| self.inner.registry.tenants());
    }

    /// Call it when this node is about to stop: streams that wait for nothing in particular end, and their clients open them elsewhere.
    pub fn drain(&self) {
        self.inner.leaving.begin();
    }

    /// Call it a second before what is still open is cut: calls that are under way are brought to an end, and whoever waits is told.
    pub fn finish(&self) {
        self.inner.leaving.finish();
    }

    /// Ends all children. Call it after the listener has drained.
    pub async fn close(&self) {
        self.inner.way.backends.end().await;
    }

    /// Waits until every close event is written. Call it after the listener has drained and before the store closes.
    pub async fn settled(&self) {
        self.inner.recorder.settled().await;
    }

    fn registry(&self) -> &Registry {
        &self.inner.registry
    }
}

//! What a node does by itself from time to time: writes down what it counted, forgets ends that concern nobody any more, deletes what has
//! expired, here and, of clients registered there for us, at identity providers. Every node of a cluster does so; nothing of it minds being done twice.

use std::sync::Arc;
use std::time::Duration;

use chancery_audit::{Counters, Journal};
use chancery_core::{Clock, SignIn};
use chancery_gateway::Gateway;
use chancery_issuer::Logouts;
use chancery_store::{Store, reap};
use chancery_tokens::Ended;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};
use tokio_util::sync::CancellationToken;

/// How long a refusal of nobody in particular may wait to be seen in the log.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);
/// How soon clients hear that a session ended.
const TELL_EVERY: Duration = Duration::from_secs(3);
const REAP_EVERY: Duration = Duration::from_secs(5 * 60);

/// What the schedule works with.
pub struct Housekeeping {
    pub store: Store,
    pub journal: Journal,
    pub counters: Counters,
    pub gateway: Gateway,
    pub sign_in: Arc<dyn SignIn>,
    pub ended: Ended,
    pub clock: Arc<dyn Clock>,
}

impl Housekeeping {
    /// Keeps house until the node stops, and writes a last summary then.
    pub async fn keep(self, stop: CancellationToken) {
        tokio::join!(self.keep_summarising(&stop), self.keep_reaping(&stop));
    }

    async fn keep_summarising(&self, stop: &CancellationToken) {
        let mut summary = interval_at(Instant::now() + SUMMARY_EVERY, SUMMARY_EVERY);
        summary.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = summary.tick() => self.summarise().await,
                () = stop.cancelled() => return self.summarise().await,
            }
        }
    }

    /// Identity providers may be slow, so nothing waits for it. It may be cut off anywhere: whoever does it next finds what is left.
    async fn keep_reaping(&self, stop: &CancellationToken) {
        let mut reaping = interval(REAP_EVERY);
        reaping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let reaping = async {
            loop {
                reaping.tick().await;
                self.reap().await;
            }
        };
        tokio::select! {
            () = reaping => {}
            () = stop.cancelled() => {}
        }
    }

    async fn summarise(&self) {
        self.counters.summarise(&self.journal, self.clock.now()).await;
        self.gateway.summarise().await;
        self.gateway.tidy();
        self.ended.prune(self.clock.now());
    }

    async fn reap(&self) {
        match reap::reap(&self.store, self.clock.now()).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "deleted what has expired"),
            Err(error) => tracing::warn!(%error, "what has expired could not be deleted; the next round will try again"),
        }
        match self.sign_in.forget_left_behind().await {
            Ok(0) => {}
            Ok(clients) => tracing::debug!(clients, "deregistered what is no more at the identity providers"),
            Err(error) => tracing::warn!(%error, "clients that are no more could not be deregistered; the next round will try again"),
        }
    }
}

/// Tells clients of sessions that ended, until the node stops. Their servers may be slow, so nothing else waits for it.
pub async fn tell(logouts: Logouts, stop: CancellationToken) {
    let mut telling = interval_at(Instant::now() + TELL_EVERY, TELL_EVERY);
    telling.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = telling.tick() => {}
            () = stop.cancelled() => return,
        }
        tokio::select! {
            told = logouts.tell() => if let Err(error) = told {
                tracing::warn!(%error, "what clients are to hear of sessions that ended could not be read; the next round will try again");
            },
            () = stop.cancelled() => return,
        }
    }
}

//! Stopping: the first SIGTERM or SIGINT drains (no new connections, open answers finish), a second one ends.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::{Exit, Failure};

/// How long a drain waits for open answers, unless told.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long before its end a drain tells whoever still waits.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Two switches that are thrown once, in this order.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Take nothing new, finish what is under way.
    pub drain: CancellationToken,
    /// Finish nothing any more.
    pub end: CancellationToken,
    /// How long a drain waits for open answers. Streams, which have no end of their own, are cut then.
    pub patience: Duration,
}

impl Stop {
    pub fn new() -> Self {
        Self { drain: CancellationToken::new(), end: CancellationToken::new(), patience: PATIENCE }
    }

    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// After how much of a drain whoever still waits is told that nothing comes.
    pub fn last_words(&self) -> Duration {
        self.patience.saturating_sub(LAST_WORDS.min(self.patience / 2))
    }

    /// Throws the switches when this process is sent signals.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals(self) -> Result<Self, Failure> {
        let hear = |kind| signal(kind).map_err(|error| Failure::new(Exit::Failed, "signals cannot be heard").because(error));
        let signals = (hear(SignalKind::terminate())?, hear(SignalKind::interrupt())?);
        tokio::spawn(watch(self.clone(), signals));
        Ok(self)
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

async fn watch(stop: Stop, (mut terminate, mut interrupt): (Signal, Signal)) {
    for switch in [&stop.drain, &stop.end] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if !stop.drain.is_cancelled() {
            tracing::info!("draining: no new connections; a second signal ends at once");
        }
        switch.cancel();
    }
}

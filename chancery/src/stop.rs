//! Stopping: the first SIGTERM or SIGINT drains (no new connections, open answers finish), a second one ends.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::{Exit, Failure};

/// How long a drain waits for open answers, unless told.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long before its end a drain tells whoever still waits: a tenth of it, and no less and no more than this.
const LAST_WORDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

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
        let (least, most) = LAST_WORDS;
        self.patience - (self.patience / 10).clamp(least, most).min(self.patience / 2)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_a_drain_the_more_time_there_is_for_last_words() {
        for (drain, calls_have) in [(1, 500), (2, 1_000), (10, 9_000), (20, 18_000), (3600, 3_595_000)] {
            let stop = Stop::new().with_patience(Duration::from_secs(drain));
            assert_eq!(stop.last_words(), Duration::from_millis(calls_have), "{drain}");
        }
    }
}

//! As of when this node knows what was ended. It hears of ends by the change feed; while it hears nothing, it cannot know.
//!
//! Time is the runtime's: it measures how long a database really said nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chancery_registry::config::{FeedConfig, WhenLost};
use tokio::time::Instant;

/// Shared by whoever follows, and whoever must know.
#[derive(Clone)]
pub struct Followed(Arc<Inner>);

struct Inner {
    began: Instant,
    /// In milliseconds after the beginning.
    as_of: AtomicU64,
    config: FeedConfig,
}

impl Followed {
    /// Everything is known as of now.
    pub fn new(config: FeedConfig) -> Self {
        Self(Arc::new(Inner { began: Instant::now(), as_of: AtomicU64::new(0), config }))
    }

    /// All that was ended before then is known by now.
    pub fn up_to(&self, as_of: Instant) {
        self.0.as_of.fetch_max(millis(as_of.saturating_duration_since(self.0.began)), Ordering::Release);
    }

    /// How old the knowledge is.
    pub fn lag(&self) -> Duration {
        let as_of = Duration::from_millis(self.0.as_of.load(Ordering::Acquire));
        self.0.began.elapsed().saturating_sub(as_of)
    }

    /// Whether it is older than may be.
    pub fn is_lost(&self) -> bool {
        self.lag() > self.0.config.lost_after
    }

    /// Whether it is too old to say of a token that it was not ended.
    pub fn is_blind(&self) -> bool {
        self.0.config.then == WhenLost::Refuse && self.is_lost()
    }

    pub fn config(&self) -> FeedConfig {
        self.0.config
    }
}

impl Default for Followed {
    fn default() -> Self {
        Self::new(FeedConfig::default())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rv_05_a_node_that_hears_nothing_for_longer_than_it_may_is_blind_if_it_is_to_be() {
        for (then, blind) in [(WhenLost::Refuse, true), (WhenLost::Serve, false)] {
            let followed = Followed::new(FeedConfig { then, ..FeedConfig::default() });
            tokio::time::advance(Duration::from_secs(5)).await;
            assert_eq!((followed.is_lost(), followed.is_blind()), (false, false));
            let read_at = Instant::now();
            tokio::time::advance(Duration::from_millis(1)).await;
            assert_eq!((followed.is_lost(), followed.is_blind()), (true, blind));

            followed.up_to(read_at);
            assert_eq!((followed.is_lost(), followed.lag()), (false, Duration::from_millis(1)));
            followed.up_to(read_at - Duration::from_secs(2));
            assert_eq!(followed.lag(), Duration::from_millis(1), "what was known stays known");
        }
    }
}

//! Follows the change feed: what any node wrote, this one looks at again. Applying a change twice is harmless, missing one is not, so
//! what fails is tried until it succeeds.

use std::sync::Arc;
use std::time::Duration;

use chancery_core::{ClientId, Clock, TenantId};
use chancery_registry::Registry;
use chancery_store::feed::{Entry, Follower, News};
use chancery_store::{Store, Topic};
use chancery_tokens::{Ended, Keyring};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between tries while the database does not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// What hears of changes.
pub struct Hearers {
    pub registry: Registry,
    pub keyring: Keyring,
    pub ended: Ended,
    /// Where the ends are read that were too many for the feed.
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    /// The highest number of the feed up to which nothing is left to be done.
    pub applied: watch::Sender<i64>,
}

impl Hearers {
    /// Follows until the node stops, or until it lost its place in the feed: then it must not go on, and loads everything as it starts
    /// again.
    pub async fn follow(self, mut follower: Follower, stop: CancellationToken) {
        let (mut pending, mut highest, mut as_of) = (Vec::new(), 0, Instant::now());
        loop {
            tokio::select! {
                news = follower.next() => {
                    let News { entries, as_of: read_at } = match news {
                        Ok(news) => news,
                        Err(lost) => return tracing::error!("{lost}: it was cut off from the database for too long. Start it again"),
                    };
                    // An end is a moment's work and never waits behind a reload that fails.
                    self.ended.heard(&entries); // RV-05
                    as_of = read_at;
                    highest = entries.iter().map(|entry| entry.seq).fold(highest, i64::max);
                    pending.extend(entries.into_iter().filter(|entry| entry.topic != Topic::Ended));
                }
                () = tokio::time::sleep(PAUSE), if !pending.is_empty() => {}
                () = stop.cancelled() => return,
            }
            pending = self.reload_all(pending).await;
            // What waits besides is a registry or keys as they were a moment ago. An end is what nobody may miss.
            if pending.iter().all(|entry| entry.topic != Topic::ManyEnded) {
                self.ended.followed().up_to(as_of); // RV-05
            }
            if pending.is_empty() {
                self.applied.send_if_modified(|applied| std::mem::replace(applied, highest) != highest);
            }
        }
    }

    /// Reloads what changed, each thing once, and gives back what could not be reloaded.
    async fn reload_all(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        entries.sort_by_key(|entry| entry.topic != Topic::ManyEnded); // these are ends too, and wait behind nothing else
        let mut failed: Vec<Entry> = Vec::new();
        let mut done: Vec<(TenantId, Topic)> = Vec::new();
        for entry in &entries {
            let whole = entry.topic != Topic::Client; // of the others, what is there now is all there is to know
            if whole && done.contains(&(entry.tenant, entry.topic)) {
                continue;
            }
            match self.reload(entry, &entries).await {
                Ok(()) => done.push((entry.tenant, entry.topic)),
                Err(error) => {
                    tracing::warn!(tenant = %entry.tenant, topic = ?entry.topic, %error, "a change cannot be followed yet; trying until it can");
                    failed.push(entry.clone());
                }
            }
        }
        failed
    }

    async fn reload(&self, entry: &Entry, all: &[Entry]) -> anyhow::Result<()> {
        match entry.topic {
            Topic::Registry => self.registry.reload(&entry.tenant).await?,
            Topic::Keys => self.keyring.reload(&entry.tenant, self.clock.now()).await?,
            Topic::Client if entry.key.is_empty() => self.registry.forget_clients(),
            Topic::Client => self.registry.forget_client(&entry.tenant, &ClientId::claimed(&entry.key)),
            Topic::ManyEnded => {
                let told = all.iter().filter(|other| (other.topic, other.tenant) == (entry.topic, entry.tenant));
                self.ended.read_many(&self.store, &entry.tenant, told.map(|other| other.key.as_str())).await?; // RV-05
            }
            Topic::Ended => {}
        }
        Ok(())
    }
}

//! Follows the change feed: what any node wrote, this one looks at again. Applying a change twice is harmless, missing one is not, so
//! what fails is tried until it succeeds.
//!
//! 1. What the feed itself says is done as it is heard: ends, and clients to be read anew.
//! 2. What it only points to has to be read. That is done beside, the ends apart from all else ([`Errands`]): a database that is slow with
//!    a registry delays no news.
//! 3. What was ended is known as of the read before the first end that is still to be read.

mod errands;

use std::collections::HashMap;
use std::sync::Arc;

use chancery_core::{ClientId, Clock, TenantId};
use chancery_registry::Registry;
use chancery_store::feed::{Entry, Follower, Lost, News};
use chancery_store::{Store, Topic};
use chancery_tokens::{Ended, Keyring};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::errands::Errands;

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
    pub async fn follow(self, follower: Follower, stop: CancellationToken) {
        let hearers = Arc::new(self);
        let (mut ends, mut others) = (Errands::default(), Errands::default());
        let (mut known, mut highest) = (None, 0);
        let mut reading = Box::pin(read(follower));
        loop {
            tokio::select! {
                (news, follower) = &mut reading => {
                    let News { entries, as_of } = match news {
                        Ok(news) => news,
                        Err(lost) => return tracing::error!("{lost}: it was cut off from the database for too long. Start it again"),
                    };
                    hearers.heard(&entries);
                    highest = entries.iter().map(|entry| entry.seq).fold(highest, i64::max);
                    let (many, rest): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.topic == Topic::ManyEnded);
                    ends.add(many, known);
                    others.add(rest.into_iter().filter(|entry| matches!(entry.topic, Topic::Keys | Topic::Registry)), known);
                    known = Some(as_of);
                    reading.set(read(follower));
                }
                () = ends.round(|entries| hearers.clone().reload(entries)) => {}
                () = others.round(|entries| hearers.clone().reload(entries)) => {}
                () = stop.cancelled() => return,
            }
            // What waits besides is a registry or keys as they were a moment ago. An end is what nobody may miss.
            if let Some(known) = ends.first_known().unwrap_or(known) {
                hearers.ended.followed().up_to(known); // RV-05
            }
            let first = ends.first().into_iter().chain(others.first()).min();
            let done = first.map_or(highest, |first| first - 1);
            hearers.applied.send_if_modified(|applied| std::mem::replace(applied, done.max(*applied)) < done);
        }
    }

    /// What is a moment's work, and waits for nothing.
    fn heard(&self, entries: &[Entry]) {
        self.ended.heard(entries); // RV-05
        for entry in entries.iter().filter(|entry| entry.topic == Topic::Client) {
            match entry.key.as_str() {
                "" => self.registry.forget_clients(),
                key => self.registry.forget_client(&entry.tenant, &ClientId::claimed(key)),
            }
        }
    }

    /// Reads what these point to, each thing once, and gives back the numbers of those that could not be read.
    async fn reload(self: Arc<Self>, entries: Vec<Entry>) -> Vec<i64> {
        let mut things: HashMap<(TenantId, Topic), Vec<Entry>> = HashMap::new();
        for entry in entries {
            things.entry((entry.tenant, entry.topic)).or_default().push(entry);
        }
        let mut things: Vec<_> = things.into_iter().collect();
        things.sort_by_key(|((_, topic), _)| *topic != Topic::Keys); // a registry that names a new algorithm finds its key
        let mut failed = Vec::new();
        for ((tenant, topic), told) in things {
            if let Err(error) = self.read(&tenant, topic, &told).await {
                tracing::warn!(%tenant, ?topic, %error, "a change cannot be followed yet; trying until it can");
                failed.extend(told.iter().map(|entry| entry.seq));
            }
        }
        failed
    }

    async fn read(&self, tenant: &TenantId, topic: Topic, told: &[Entry]) -> anyhow::Result<()> {
        match topic {
            Topic::Keys => self.keyring.reload(tenant, self.clock.now()).await?,
            Topic::Registry => self.registry.reload(tenant).await?,
            Topic::ManyEnded => self.ended.read_many(&self.store, tenant, told.iter().map(|entry| entry.key.as_str())).await?, // RV-05
            Topic::Ended | Topic::Client => {}                                                                                 // said all
        }
        Ok(())
    }
}

/// One read of the feed, which lasts as long as it lasts: whatever else happens does not make it begin anew.
async fn read(mut follower: Follower) -> (Result<News, Lost>, Follower) {
    (follower.next().await, follower)
}

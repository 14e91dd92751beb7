//! The change feed: what other nodes wrote that this one must look at again.
//!
//! 1. Rows are written in the Unit they tell of; PostgreSQL's NOTIFY, or the writer in this process, wakes who follows.
//! 2. A poll lies beneath, for wakes that got lost.
//! 3. Sequence numbers are not the order of commits: a Unit may take number 5 and commit after number 6 was read. So every read starts
//!    below the numbers seen in the last [`OVERLAP`], which is longer than any Unit may last, and leaves out what was handed on.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use chancery_core::{TenantId, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{FromRow, Row, Store, StoreError, Topic};

/// How far back each read looks again: twice what a Unit may last.
const OVERLAP: Duration = Duration::from_secs(10);

/// How long a lost wake can delay a change.
const POLL: Duration = Duration::from_millis(500);

/// One change, as the database tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub seq: i64,
    pub tenant: TenantId,
    pub topic: Topic,
    pub key: String,
    /// By the database's clock.
    pub at: Timestamp,
}

/// Where a node that starts now begins to read: before whatever may still be on its way. The times are the database's own, and any
/// Unit that is open now wrote its entries, unseen, later than an entry that is older than the newest by the overlap.
const START: &str = "SELECT COALESCE(MAX(seq), 0) FROM feed WHERE at < (SELECT MAX(at) FROM feed) - 10000";
const SINCE: &str = "SELECT seq, tenant, topic, key, at FROM feed WHERE seq > $1 ORDER BY seq";

/// A topic of a newer version says nothing to this one.
impl FromRow for Option<Entry> {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let (seq, tenant, topic) = (row.int()?, row.parsed()?, row.text()?.parse());
        let (key, at) = (row.text()?, row.at()?);
        Ok(topic.ok().map(|topic| Entry { seq, tenant, topic, key, at }))
    }
}

/// Reads the feed for one node.
pub struct Follower {
    store: Store,
    wake: watch::Receiver<u64>,
    /// The highest number of each read, and when it was. Time is the runtime's: it measures how long real transactions may take.
    reads: VecDeque<(Instant, i64)>,
    /// Every entry up to this one was seen longer ago than the overlap.
    settled: i64,
    /// What was handed on above `settled`.
    handed_on: BTreeSet<i64>,
}

impl Follower {
    /// Begins to follow. Do this first and load the state afterwards, so that no change falls between.
    pub async fn start(store: &Store) -> Result<Self, StoreError> {
        let wake = store.listen();
        let settled = store.query_uncounted(START, values![]).await?.into_iter().next().map_or(Ok(0), |mut row| row.int())?;
        Ok(Self { store: store.clone(), wake, reads: VecDeque::new(), settled, handed_on: BTreeSet::new() })
    }

    /// Waits for entries that were not handed on yet; never empty. May be dropped while it waits. While the database does not answer
    /// it goes on asking.
    pub async fn next(&mut self) -> Vec<Entry> {
        let mut failing = false;
        loop {
            self.wake.mark_unchanged();
            match self.read().await {
                Ok(entries) if !entries.is_empty() => return entries,
                Ok(_) => failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "changes made elsewhere cannot be read; trying again until they can");
                    }
                    tokio::time::sleep(POLL).await;
                }
            }
            // A closed wake is a closed store, whose reads fail: the poll goes on at its pace.
            if let Ok(Err(_)) = tokio::time::timeout(POLL, self.wake.changed()).await {
                tokio::time::sleep(POLL).await;
            }
        }
    }

    async fn read(&mut self) -> Result<Vec<Entry>, StoreError> {
        self.settle(Instant::now());
        let rows = self.store.query_uncounted(SINCE, values![self.settled]).await?;
        let entries: Result<Vec<Option<Entry>>, _> = rows.into_iter().map(|mut row| FromRow::from_row(&mut row)).collect();
        let mut entries: Vec<Entry> = entries?.into_iter().flatten().collect();
        if let Some(last) = entries.last() {
            self.reads.push_back((Instant::now(), last.seq));
        }
        entries.retain(|entry| self.handed_on.insert(entry.seq));
        Ok(entries)
    }

    /// Moves up to the highest number that was seen longer ago than the overlap.
    fn settle(&mut self, now: Instant) {
        while self.reads.front().is_some_and(|(read, _)| now.duration_since(*read) >= OVERLAP) {
            if let Some((_, highest)) = self.reads.pop_front() {
                self.settled = self.settled.max(highest);
            }
        }
        self.handed_on = self.handed_on.split_off(&(self.settled + 1));
    }
}

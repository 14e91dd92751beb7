//! The change feed: what other nodes wrote that this one must look at again.
//!
//! 1. Rows are written in the Unit they tell of; PostgreSQL's NOTIFY, or the writer in this process, wakes who follows.
//! 2. A poll lies beneath, for wakes that got lost.
//! 3. Sequence numbers are not the order of commits: a Unit may take number 5 and commit after number 6 was read. So every read starts
//!    below the numbers seen in the last [`OVERLAP`], which is longer than a Unit lasts, and leaves out what was handed on. Where a
//!    COMMIT lasted longer all the same, its node tells the changes once more.
//! 4. Every read that succeeds says as of when all is known: a database that says nothing at all is told from one that has nothing new.
//! 5. Old entries are deleted, but never the newest of them. So where the newest that was seen is gone, unseen ones went with it, and
//!    whoever follows is told that it [`Lost`] its place.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use chancery_core::{TenantId, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::postgres::LIMIT;
use crate::{FromRow, Row, Store, StoreError, Topic};

/// How far back each read looks again: twice what a Unit may last.
pub const OVERLAP: Duration = Duration::from_secs(2 * LIMIT.as_secs());

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
const SINCE: &str = "SELECT seq, tenant, topic, key, at FROM feed WHERE seq >= $1 ORDER BY seq";

/// What one read of the feed brought; nothing, where nothing is new.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct News {
    pub entries: Vec<Entry>,
    /// When the read began: whatever was committed before, is handed on by now.
    pub as_of: Instant,
}

/// Entries were deleted before this node read them, since it was cut off from the database for too long. What it knows may be wrong:
/// it must load everything again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("changes made elsewhere were deleted before this node could read them")]
pub struct Lost;

/// A number of the feed, and its entry. A topic of a newer version says nothing to this one.
struct Numbered(i64, Option<Entry>);

impl FromRow for Numbered {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let (seq, tenant, topic) = (row.int()?, row.parsed()?, row.text()?.parse());
        let (key, at) = (row.text()?, row.at()?);
        Ok(Self(seq, topic.ok().map(|topic| Entry { seq, tenant, topic, key, at })))
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
    looked_at: Option<Instant>,
    /// The last read failed, and that was said.
    failing: bool,
}

impl Follower {
    /// Begins to follow. Do this first and load the state afterwards, so that no change falls between.
    pub async fn start(store: &Store) -> Result<Self, StoreError> {
        let wake = store.listen();
        let settled = store.query(START, values![]).await?.into_iter().next().map_or(Ok(0), |mut row| row.int())?;
        Ok(Self {
            store: store.clone(),
            wake,
            reads: VecDeque::new(),
            settled,
            handed_on: BTreeSet::new(),
            looked_at: None,
            failing: false,
        })
    }

    /// The news of the next read that succeeds: at once the first time, then when something was told, or at the next poll. May be
    /// dropped while it waits. While the database does not answer it goes on asking.
    ///
    /// # Errors
    /// [`Lost`], and from then on whenever it is asked.
    pub async fn next(&mut self) -> Result<News, Lost> {
        loop {
            self.due().await;
            self.wake.mark_unchanged();
            let begun = Instant::now();
            let read = self.read().await;
            self.looked_at = Some(Instant::now());
            match read {
                Ok(rows) => {
                    if std::mem::take(&mut self.failing) {
                        tracing::info!("changes made elsewhere can be read again");
                    }
                    return Ok(News { entries: self.take(rows, begun)?, as_of: begun });
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(%error, "changes made elsewhere cannot be read; trying again until they can");
                    }
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }

    /// Until the next look: a poll after the last one, or when something is told.
    async fn due(&mut self) {
        let Some(looked_at) = self.looked_at else { return };
        // A closed wake is a closed store, whose reads fail: the poll goes on at its pace.
        if let Ok(Err(_)) = tokio::time::timeout_at(looked_at + POLL, self.wake.changed()).await {
            tokio::time::sleep(POLL).await;
        }
    }

    async fn read(&self) -> Result<Vec<Numbered>, StoreError> {
        let rows = self.store.query_feed(SINCE, values![self.settled]).await?;
        rows.into_iter().map(|mut row| Numbered::from_row(&mut row)).collect()
    }

    /// What is new among the rows of a read that began then.
    fn take(&mut self, rows: Vec<Numbered>, begun: Instant) -> Result<Vec<Entry>, Lost> {
        let newest = self.handed_on.last().copied().unwrap_or(self.settled);
        if newest > 0 && rows.iter().all(|Numbered(seq, _)| *seq != newest) {
            return Err(Lost);
        }
        if let Some(Numbered(last, _)) = rows.last() {
            self.reads.push_back((Instant::now(), *last));
        }
        let settled = self.settled;
        let new = rows.into_iter().filter(|Numbered(seq, _)| *seq > settled && self.handed_on.insert(*seq));
        let entries = new.filter_map(|Numbered(_, entry)| entry).collect();
        self.settle(begun);
        Ok(entries)
    }

    /// Moves up to the highest number that was seen an overlap before the read that began then: what such a number had overtaken was
    /// committed by that time, and the read brought it. Only a read that succeeded says so; time alone does not.
    fn settle(&mut self, begun: Instant) {
        while self.reads.front().is_some_and(|(read, _)| begun.saturating_duration_since(*read) >= OVERLAP) {
            if let Some((_, highest)) = self.reads.pop_front() {
                self.settled = self.settled.max(highest);
            }
        }
        self.handed_on = self.handed_on.split_off(&(self.settled + 1));
    }
}

#[cfg(test)]
mod tests;

//! Where events meet their state: a draft of writes, events and feed entries becomes one Unit, all of it or nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chancery_core::{Event, Kind, Rng, TenantId};
use chancery_store::{Change, CommitError, Receipt, Store, Unit, Write};

use crate::{Tally, leaf};

/// What an outcome wants written: guarded statements, what the log says about them, and who must hear of it.
#[derive(Default)]
pub struct Draft {
    pub writes: Vec<Write>,
    pub events: Vec<Event>,
    pub changes: Vec<Change>,
}

impl Draft {
    #[must_use]
    pub fn writing(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }

    /// All of the other as well, after what is here.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        let Self { writes, events, changes } = other;
        self.writes.extend(writes);
        self.events.extend(events);
        self.changes.extend(changes);
        self
    }

    #[must_use]
    pub fn recording(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    #[must_use]
    pub fn telling(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }
}

/// Commits drafts. Rooms that may not know the store (the gateway) write through this alone.
#[derive(Clone)]
pub struct Journal {
    store: Store,
    rng: Arc<dyn Rng>,
    written: Tally<Kind>,
    failures: Arc<AtomicU64>,
}

impl Journal {
    pub fn new(store: Store, rng: Arc<dyn Rng>) -> Self {
        Self { store, rng, written: Tally::new(Kind::ALL.len(), |kind| kind), failures: Arc::default() }
    }

    /// Commits the draft as one Unit of the tenant. On [`CommitError::GuardFailed`] nothing was written: load again and decide again.
    ///
    /// # Panics
    /// When an event names another tenant: an event in a stranger's log would be worse.
    pub async fn commit(&self, tenant: &TenantId, draft: Draft) -> Result<Receipt, CommitError> {
        assert!(draft.events.iter().all(|event| event.tenant == *tenant), "an event belongs to the tenant whose Unit it is in");
        let leaves = draft.events.iter().map(|event| leaf::seal(event, self.rng())).collect();
        let committed = self.store.commit(Unit { tenant: *tenant, writes: draft.writes, leaves, changes: draft.changes }).await;
        match &committed {
            Ok(_) => draft.events.iter().for_each(|event| self.written.add(event.kind, 1)),
            Err(CommitError::GuardFailed(_)) => {}
            Err(_) => drop(self.failures.fetch_add(1, Ordering::Relaxed)),
        }
        committed
    }

    /// How many events of each kind this node has written since it was started.
    pub fn written(&self) -> HashMap<Kind, u64> {
        self.written.so_far()
    }

    /// How many Units of this node the store could not commit.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(crate) fn rng(&self) -> &dyn Rng {
        &*self.rng
    }
}

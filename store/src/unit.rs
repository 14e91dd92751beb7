//! A write as data: statements with the row count each must change, the audit leaves of what they mean, and the feed entries that
//! tell other nodes. One failed guard aborts all of it.

use chancery_core::{EventId, TenantId, Timestamp};

use crate::repo::{events, words};
use crate::{StoreError, Value};

/// What commits whole or not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    pub tenant: TenantId,
    pub writes: Vec<Write>,
    pub leaves: Vec<LeafRow>,
    pub changes: Vec<Change>,
}

impl Unit {
    pub fn new(tenant: TenantId, writes: Vec<Write>) -> Self {
        Self { tenant, writes, leaves: Vec::new(), changes: Vec::new() }
    }
}

/// One statement in the SQL both databases speak, its parameters numbered `$1`, `$2`, ….
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    pub sql: &'static str,
    pub values: Vec<Value>,
    pub guard: Guard,
}

impl Write {
    /// A write that must change one row: a consumption, an advance, an insert.
    pub fn one(sql: &'static str, values: Vec<Value>) -> Self {
        Self { sql, values, guard: Guard::Exactly(1) }
    }

    /// A write that is right whatever it finds.
    pub fn any(sql: &'static str, values: Vec<Value>) -> Self {
        Self { sql, values, guard: Guard::Any }
    }
}

/// How many rows a statement must change. Running into a unique key counts as a failed guard too, whatever the guard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guard {
    Exactly(u64),
    Any,
}

impl Guard {
    pub(crate) fn holds(self, changed: u64) -> bool {
        match self {
            Self::Exactly(wanted) => changed == wanted,
            Self::Any => true,
        }
    }
}

/// An audit event as the audit room sealed it. The leaf stays for ever; the values can be erased.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeafRow {
    pub id: EventId,
    pub kind: &'static str,
    pub at: Timestamp,
    pub leaf: Vec<u8>,
    pub values: Vec<u8>,
}

/// One entry of the change feed: what other nodes must look at again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub topic: Topic,
    pub key: String,
}

words! {
    /// What a change is about.
    Topic {
        /// The tenant's registry has a new version.
        Registry = "registry",
        /// A client outside the snapshot came, changed or went; the key is its id.
        Client = "client",
        /// Something was ended; the key says what and when.
        Ended = "ended",
        /// Grants were ended, as many as there were: the rows must be read. The key says until when the ends stand.
        ManyEnded = "many_ended",
        /// The tenant's keyring changed.
        Keys = "keys",
    }
}

/// Proof that a Unit is durable. Only a driver that committed one builds it, and a response takes one.
///
/// ```
/// # fn read(receipt: &chancery_store::Receipt) -> Vec<u64> {
/// receipt.changed().to_vec()
/// # }
/// ```
/// ```compile_fail,E0451
/// # fn forge() -> chancery_store::Receipt {
/// chancery_store::Receipt { changed: Vec::new() }
/// # }
/// ```
#[must_use = "a receipt is what a response is made from"]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    changed: Vec<u64>,
}

impl Receipt {
    /// How many rows each of the Unit's writes changed, in their order.
    pub fn changed(&self) -> &[u64] {
        &self.changed
    }
}

/// A Unit as the drivers run it: what was decided, then its leaves, then its feed entries, which are numbered as late as can be.
pub(crate) struct Statements {
    pub writes: Vec<Write>,
    decided: usize,
}

const TELL: &str = "INSERT INTO feed (tenant, topic, key) VALUES ($1, $2, $3)";

impl From<Unit> for Statements {
    fn from(unit: Unit) -> Self {
        let Unit { tenant, mut writes, leaves, changes } = unit;
        let decided = writes.len();
        writes.extend(leaves.into_iter().map(|leaf| events::insert(&tenant, leaf)));
        writes.extend(changes.into_iter().map(|change| Write::one(TELL, values![tenant, change.topic.as_str(), change.key])));
        Self { writes, decided }
    }
}

impl Statements {
    /// What it means that a statement found another state than it wants. Leaves and feed entries always find what they want, so long
    /// as ids are unique.
    pub(crate) fn guard_failed(&self, at: usize) -> CommitError {
        if at < self.decided { CommitError::GuardFailed(at) } else { StoreError::ThereAlready.into() }
    }

    pub(crate) fn receipt(&self, mut changed: Vec<u64>) -> Receipt {
        changed.truncate(self.decided);
        Receipt { changed }
    }
}

/// Why a Unit was not acknowledged. Nothing of it was written, unless [`CommitError::is_unknown`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommitError {
    /// The write at this index did not find what it must change: load again and decide again.
    #[error("write {0} found another state than it was decided on")]
    GuardFailed(usize),
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl CommitError {
    /// Nobody knows whether it was written: the connection broke in the midst of the commit.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unavailable(StoreError::OutcomeUnknown(_)))
    }

    /// There are events of these ids: a try whose answer was lost had written the Unit, all of it.
    pub const fn is_there_already(&self) -> bool {
        matches!(self, Self::Unavailable(StoreError::ThereAlready))
    }
}

//! The audit log: events become leaves and go into the `Unit` of the state they describe; refusals of nobody in particular are
//! counted instead, so that a stranger cannot fill the disk.
//!
//! A response takes a [`Recorded`], and only a committed Unit or a count makes one: there is no answer without a record.

pub mod counters;
pub mod journal;
pub mod leaf;
pub mod rates;
pub mod tail;
pub mod tally;

pub use chancery_store::{Change, CommitError, Receipt, Topic, Write};

pub use counters::{Counted, Counter, Counters};
pub use journal::{Draft, Journal};
pub use rates::{Rate, Rates, SourceRates};
pub use tail::{Entry, tail};
pub use tally::Tally;

/// Proof that what a response tells was written down: as an event in a committed Unit, or as a count.
pub enum Recorded {
    Committed(Receipt),
    Counted(Counted),
}

impl From<Receipt> for Recorded {
    fn from(receipt: Receipt) -> Self {
        Self::Committed(receipt)
    }
}

impl From<Counted> for Recorded {
    fn from(counted: Counted) -> Self {
        Self::Counted(counted)
    }
}

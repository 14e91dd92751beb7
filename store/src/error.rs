//! What can go wrong with a database, in words for whoever runs it. No text here ever holds a password.

/// What happened, why, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// The store could not be opened; nothing will work until somebody acts on the remedy.
    #[error("{what}: {why}. {remedy}")]
    Opening { what: String, why: String, remedy: String },

    /// The database does not answer now; the same call may succeed later.
    #[error("the database does not answer: {0}. Nothing was written; try again")]
    Unreachable(String),

    /// The connection broke while a commit was on its way, so nobody knows whether it was written.
    #[error("the connection to the database broke during a commit, which may or may not have been written: {0}")]
    OutcomeUnknown(String),

    /// The database understood and said no: a full disk, a missing table, a violated constraint.
    #[error("the database refused: {0}")]
    Refused(String),

    /// Ids are not given twice, so it is this very event.
    #[error("an event with this id is there already")]
    ThereAlready,

    /// A row is not as this version of Chancery writes it.
    #[error("a row cannot be read: column {column} should be {expected}. Was it written by hand, or by a newer version?")]
    Row { column: usize, expected: &'static str },

    /// PostgreSQL keeps no NUL in a text, so none is written anywhere.
    #[error("a text with a NUL character cannot be stored")]
    Nul,

    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(crate) fn opening(what: impl Into<String>, why: impl ToString, remedy: impl Into<String>) -> Self {
        Self::Opening { what: what.into(), why: why.to_string(), remedy: remedy.into() }
    }
}

//! A refusal is an outcome like any other: decided, with words for the peer, words for the log, the row that refused, and what it
//! writes. It leaves the room only with a record: an event in a committed Unit, or a count.

use chancery_audit::Draft;
use chancery_core::Event;
use chancery_core::oauth::{Code, Error};

/// No, and what follows from it.
pub(crate) struct Refused {
    error: Box<Error>,
    row: &'static str,
    draft: Box<Draft>,
}

impl Refused {
    /// `description` says to the peer what happened, why, and what to do.
    pub fn new(code: Code, description: impl Into<String>) -> Self {
        Self { error: Box::new(Error::new(code, description)), row: "", draft: Box::default() }
    }

    pub fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, description)
    }

    pub fn invalid_client(description: impl Into<String>) -> Self {
        Self::new(Code::InvalidClient, description)
    }

    pub fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new(Code::InvalidGrant, description)
    }

    pub fn invalid_metadata(description: impl Into<String>) -> Self {
        Self::new(Code::InvalidClientMetadata, description)
    }

    pub fn invalid_scope(description: impl Into<String>) -> Self {
        Self::new(Code::InvalidScope, description)
    }

    pub fn invalid_target(description: impl Into<String>) -> Self {
        Self::new(Code::InvalidTarget, description)
    }

    /// What the log should know besides; never sent.
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.error = Box::new(self.error.because(detail));
        self
    }

    /// The peer asks too often.
    pub fn too_often(mut self, seconds: u64) -> Self {
        self.error = Box::new(self.error.too_often(seconds));
        self
    }

    /// The conformance row that refuses. What a check says about itself goes over what its caller says.
    pub fn by_row(mut self, row: &'static str) -> Self {
        if self.row.is_empty() {
            self.row = row;
        }
        self
    }

    /// What it writes, beside what it writes already.
    pub fn with(mut self, draft: Draft) -> Self {
        *self.draft = std::mem::take(&mut *self.draft).with(draft);
        self
    }

    pub fn recording(self, event: Event) -> Self {
        self.with(Draft::default().recording(event))
    }

    /// The same words once more, without what it writes.
    pub fn repeated(&self) -> Self {
        Self { error: self.error.clone(), row: self.row, draft: Box::default() }
    }

    pub fn error(&self) -> &Error {
        &self.error
    }

    /// What the log says of it.
    pub fn reason(&self) -> String {
        self.error.detail().map_or_else(|| self.error.description(), str::to_owned)
    }

    pub const fn row(&self) -> &'static str {
        self.row
    }

    /// Whether the log already hears of it.
    pub fn is_event(&self) -> bool {
        !self.draft.events.is_empty()
    }

    pub fn into_parts(self) -> (Error, &'static str, Draft) {
        (*self.error, self.row, *self.draft)
    }
}

/// Names the conformance row beside the check that it is about.
pub(crate) trait ByRow {
    fn row(self, row: &'static str) -> Self;
}

impl<T> ByRow for Result<T, Refused> {
    fn row(self, row: &'static str) -> Self {
        self.map_err(|refused| refused.by_row(row))
    }
}

#[cfg(test)]
impl std::fmt::Debug for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}]", self.error, self.row)
    }
}

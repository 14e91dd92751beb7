//! A refusal that a person reads on our own page, since nobody may be redirected (OA-01, OA-02) or nobody would understand.

use chancery_audit::{Draft, Write};
use chancery_core::Event;

pub(crate) struct PageRefusal {
    /// What happened, in one sentence.
    pub title: &'static str,
    /// Why, and what was seen against what was expected. What stands between backticks shows as code.
    pub text: String,
    /// What to do.
    pub remedy: &'static str,
    pub row: &'static str,
    /// Our word for it in counts.
    pub reason: &'static str,
    pub draft: Box<Draft>,
    /// How many seconds to wait, where this was asked too often.
    pub wait: Option<u64>,
}

impl PageRefusal {
    pub fn new(reason: &'static str, title: &'static str, text: impl Into<String>, remedy: &'static str) -> Self {
        Self { title, text: text.into(), remedy, row: "", reason, draft: Box::default(), wait: None }
    }

    pub fn by_row(mut self, row: &'static str) -> Self {
        self.row = row;
        self
    }

    pub fn too_often(self, seconds: u64) -> Self {
        Self { wait: Some(seconds), ..self }
    }

    pub fn writing(mut self, write: Write) -> Self {
        self.draft.writes.push(write);
        self
    }

    pub fn recording(mut self, event: Event) -> Self {
        self.draft.events.push(event);
        self
    }
}

#[cfg(test)]
impl std::fmt::Debug for PageRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}]", self.reason, self.row)
    }
}

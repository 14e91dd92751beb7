//! What is wrong with a file, said so that it can be put right: where, what, and what would be right.

use std::cell::RefCell;
use std::fmt;

use serde::Serialize;

use super::yaml::At;

/// One thing that is wrong. Its text never holds a secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Problem {
    pub file: String,
    /// Both count from 1.
    pub line: usize,
    pub column: usize,
    /// The way to it, such as `identity_providers[0].issuer`; empty where the text is not even YAML.
    pub key: String,
    pub what: String,
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { String::new() } else { format!("{}: ", self.key) };
        write!(f, "{}:{}: {key}{} — {}", self.file, self.line, self.what, self.remedy)
    }
}

/// Where a value stands: what a later check needs to speak of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub key: String,
}

impl Place {
    pub(super) fn new(file: &str, at: At, key: String) -> Self {
        Self { file: file.to_owned(), line: at.line, column: at.column, key }
    }

    pub(crate) fn problem(&self, complaint: Complaint) -> Problem {
        let Self { file, line, column, key } = self.clone();
        Problem { file, line, column, key, what: complaint.what, remedy: complaint.remedy }
    }
}

/// What is wrong with a value, whoever holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Complaint {
    pub what: String,
    pub remedy: String,
}

impl Complaint {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

/// All that was found so far. Reading goes on after a problem, so that the next one is found too.
#[derive(Default)]
pub(super) struct Problems {
    found: RefCell<Vec<Problem>>,
    /// Which keys each mapping was asked for, by the way to it.
    #[cfg(test)]
    asked: RefCell<std::collections::BTreeMap<String, Vec<&'static str>>>,
}

impl Problems {
    pub(super) fn add(&self, place: &Place, complaint: Complaint) {
        self.found.borrow_mut().push(place.problem(complaint));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// In the order of files and lines.
    pub(super) fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.found.into_inner();
        problems.sort();
        problems
    }

    #[cfg(test)]
    pub(super) fn note(&self, place: &Place, asked: &[&'static str]) {
        self.asked.borrow_mut().entry(place.key.clone()).or_default().extend(asked);
    }

    #[cfg(test)]
    pub(super) fn asked(&self) -> std::collections::BTreeMap<String, Vec<&'static str>> {
        self.asked.borrow().clone()
    }
}

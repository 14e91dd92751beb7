//! What the audit log says, asked as a test asks it.

use std::collections::BTreeMap;

use chancery_core::Timestamp;

/// One event as it was read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logged {
    pub id: String,
    pub kind: String,
    pub at: Timestamp,
    pub fields: BTreeMap<String, String>,
}

impl From<chancery_audit::Entry> for Logged {
    fn from(entry: chancery_audit::Entry) -> Self {
        assert_eq!(entry.trouble, None, "an event was altered");
        Self { id: entry.id.to_string(), kind: entry.kind, at: entry.at, fields: entry.fields.into_iter().collect() }
    }
}

/// A tenant's log, oldest first.
#[derive(Clone, Debug)]
pub struct Log {
    pub events: Vec<Logged>,
    /// What tests call somebody or something, and what the log calls it.
    pub(crate) names: BTreeMap<String, String>,
}

impl Log {
    /// What was last recorded about a person: all events of that moment, since one Unit may hold several.
    ///
    /// # Panics
    /// When nothing was.
    pub fn last(&self, person: &'static str) -> Events<'_> {
        let mut events = self.about(person);
        let last = events.events.last().map(|event| event.at);
        events.events.retain(|event| Some(event.at) == last);
        events
    }

    /// All that was ever recorded about a person.
    ///
    /// # Panics
    /// When nothing was.
    pub fn about(&self, person: &'static str) -> Events<'_> {
        let who = self.called(person);
        let about = |event: &&Logged| event.fields.get("subject").is_some_and(|subject| subject == who);
        let events: Vec<_> = self.events.iter().filter(about).collect();
        assert!(!events.is_empty(), "the log says nothing of {person}: {:#?}", self.events);
        Events { log: self, events }
    }

    /// The events of one kind.
    pub fn of_kind(&self, kind: &str) -> Vec<&Logged> {
        self.events.iter().filter(|event| event.kind == kind).collect()
    }

    /// The only event of a kind.
    ///
    /// # Panics
    /// When there is none, or another.
    pub fn only(&self, kind: &str) -> Events<'_> {
        let events = self.of_kind(kind);
        assert_eq!(events.len(), 1, "{kind}: {events:#?}");
        Events { log: self, events }
    }

    /// How many refusals of nobody in particular were summarised for this reason.
    pub fn counted(&self, reason: &str) -> u64 {
        let of_reason = |event: &&&Logged| event.fields.get("reason").is_some_and(|known| known == reason);
        let count = |event: &Logged| event.fields.get("count").and_then(|count| count.parse().ok()).unwrap_or(0);
        self.of_kind("refusals_counted").iter().filter(of_reason).map(|event| count(event)).sum()
    }

    fn called<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.get(name).map_or(name, String::as_str)
    }
}

/// Some events, narrowed as the test goes on.
#[derive(Clone, Debug)]
pub struct Events<'a> {
    log: &'a Log,
    events: Vec<&'a Logged>,
}

impl Events<'_> {
    /// One of them is of this kind.
    ///
    /// # Panics
    /// When none is.
    pub fn is(mut self, kind: &str) -> Self {
        let before = self.events.clone();
        self.events.retain(|event| event.kind == kind);
        assert!(!self.events.is_empty(), "no {kind} among {before:#?}");
        self
    }

    /// It names this client, agent or server.
    ///
    /// # Panics
    /// When it does not.
    pub fn names(mut self, name: &'static str) -> Self {
        let (before, called) = (self.events.clone(), self.log.called(name));
        self.events.retain(|event| event.fields.values().any(|value| value == called));
        assert!(!self.events.is_empty(), "{name} ({called}) is not named by {before:#?}");
        self
    }

    /// A field of it has this value.
    ///
    /// # Panics
    /// When it has another, or none.
    pub fn says(mut self, field: &str, value: &str) -> Self {
        let before = self.events.clone();
        self.events.retain(|event| event.fields.get(field).is_some_and(|known| known == value));
        assert!(!self.events.is_empty(), "{field} is not {value:?} in {before:#?}");
        self
    }

    /// A field's value.
    pub fn field(&self, field: &str) -> Option<&str> {
        self.events.first().and_then(|event| event.fields.get(field)).map(String::as_str)
    }
}

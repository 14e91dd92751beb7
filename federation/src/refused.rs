//! A refusal as a value: words for the person, words for the log, and what it leaves behind.

use std::fmt;

use axum::http::StatusCode;
use chancery_core::oauth::Fault;

/// What a refusal leaves behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trace {
    /// Nobody in particular: a number grows.
    Count,
    /// The same, and the sign-in is over.
    End,
    /// What the provider itself answered proves nobody: an event, as long as there are not too many, since whoever has an account
    /// somewhere may bring it about.
    Witness,
    /// An event: it was proved who this is.
    Event,
}

/// Why a sign-in does not go on.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What happened, in one sentence.
    pub title: &'static str,
    /// Why. Text between backticks is shown as code.
    pub text: String,
    /// What to do.
    pub remedy: &'static str,
    /// The row that refused, or nothing.
    pub row: &'static str,
    /// The same in a few words of our own, for events and counts.
    pub reason: &'static str,
    /// What only the log should know.
    pub detail: String,
    pub fault: Fault,
    pub status: StatusCode,
    pub trace: Trace,
}

pub(crate) const CONNECT_AGAIN: &str = "Go back to your app and connect again.";
pub(crate) const TELL_THE_OPERATORS: &str =
    "Connect again from your app. If it happens again, tell the people who run this server, and give them the reference below.";

impl Refused {
    pub fn new(reason: &'static str, title: &'static str, text: impl Into<String>) -> Self {
        Self {
            title,
            text: text.into(),
            remedy: CONNECT_AGAIN,
            row: "",
            reason,
            detail: String::new(),
            fault: Fault::Peer,
            status: StatusCode::BAD_REQUEST,
            trace: Trace::Count,
        }
    }

    pub fn by(mut self, row: &'static str) -> Self {
        self.row = row;
        self
    }

    pub fn remedy(mut self, remedy: &'static str) -> Self {
        self.remedy = remedy;
        self
    }

    pub fn because(mut self, detail: impl fmt::Display) -> Self {
        self.detail = detail.to_string();
        self
    }

    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self.status = match fault {
            Fault::Peer => StatusCode::BAD_REQUEST,
            Fault::Dependency => StatusCode::BAD_GATEWAY,
            Fault::Ours => StatusCode::SERVICE_UNAVAILABLE,
        };
        self
    }

    /// The sign-in is over. Until somebody is proved it is nobody's in particular: anybody may begin one and end it so, as often as they
    /// like.
    pub fn ending(self) -> Self {
        Self { trace: Trace::End, ..self }
    }

    pub fn witnessed(self) -> Self {
        Self { trace: Trace::Witness, ..self }
    }

    /// It is about somebody whom the provider vouched for.
    pub fn of_a_person(self) -> Self {
        Self { trace: Trace::Event, ..self }
    }

    pub fn missing(what: &'static str) -> Self {
        let text = "Its address names a tenant or an identity provider that this server does not have.";
        Self { status: StatusCode::NOT_FOUND, ..Self::new(what, "There is no such page here.", text) }
    }

    /// The store or the key provider failed us; the detail is for the log.
    pub fn unavailable(detail: impl fmt::Display) -> Self {
        Self::new("unavailable", "This server cannot sign you in right now.", "It could not read or write its own records.")
            .remedy("Nothing was lost. Wait a minute, then connect again from your app.")
            .because(detail)
            .fault(Fault::Ours)
    }
}

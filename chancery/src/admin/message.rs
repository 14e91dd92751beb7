//! What is said over the admin socket: JSON, one object a line. The CLI asks one thing a connection; answers follow until the end.

use std::collections::BTreeMap;

use chancery_core::{EventId, Secret};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::exit::Failure;

/// What the CLI asks.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Question {
    /// What is answered once.
    Do(Task),
    /// What is answered event by event.
    Tail(Tail),
}

/// What administration does.
#[derive(Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// What would applying these files change?
    Plan(Files),
    Apply(Files),
    Revoke(Revoke),
}

/// A configuration, as its files say it, and the secrets it refers to, which the CLI looked up where it runs. No Debug: it holds them.
#[derive(Clone, Serialize, Deserialize)]
pub struct Files {
    /// Name and text.
    pub files: Vec<(String, String)>,
    /// By reference, as written: `env:NAME` or `file:PATH`.
    pub secrets: BTreeMap<String, SentSecret>,
}

/// A secret on its way over the socket: the one place where secrets are written out.
#[derive(Clone)]
pub struct SentSecret(pub Secret<String>);

impl Serialize for SentSecret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for SentSecret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|secret| Self(Secret::new(secret)))
    }
}

/// What is to end, at once and everywhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Revoke {
    pub tenant: String,
    pub kind: Revocable,
    /// As tokens and the audit log name it.
    pub id: String,
    /// For the audit log.
    pub reason: String,
}

/// What can be ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Revocable {
    /// A person (usr_…): their tokens, what they allowed, their sessions
    Subject,
    /// An agent (agt_…): its tokens, and what was allowed to it
    Agent,
    /// A client (cli_…): its tokens, and what was allowed to it
    Client,
    /// What a person allowed a client (grt_…), with all tokens that came of it
    Grant,
    /// One access token (tok_…, its `jti`)
    Token,
    /// A person's signed-in browser (ses_…)
    Session,
    /// A key (key_…, the `kid` of one that signs), with all that hangs on it; a new one takes its place
    Key,
}

impl Revocable {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Agent => "agent",
            Self::Client => "client",
            Self::Grant => "grant",
            Self::Token => "token",
            Self::Session => "session",
            Self::Key => "key",
        }
    }
}

/// Which events of the audit log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tail {
    pub tenant: String,
    /// Only events after this one.
    pub after: Option<EventId>,
    /// At most so many of the newest.
    pub limit: u32,
    /// Stay, and say new ones as they come.
    pub follow: bool,
}

/// What the server says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Answer {
    /// `version` is the one it was made against; `text` is the plan as a person reads it.
    Planned {
        tenant: String,
        version: i64,
        changes: Vec<String>,
        text: String,
    },
    /// `clients` are the file's: name and id.
    Applied {
        tenant: String,
        version: i64,
        changes: Vec<String>,
        clients: BTreeMap<String, String>,
    },
    Revoked {
        tenant: String,
        kind: Revocable,
        id: String,
        /// What is worth knowing now; empty if nothing is.
        note: String,
    },
    Event {
        event: serde_json::Value,
    },
    Refused {
        failure: Failure,
    },
}

impl Answer {
    pub fn event(entry: &chancery_audit::Entry) -> Self {
        Self::Event { event: serde_json::to_value(entry).expect("an entry is ids, numbers and texts") }
    }
}

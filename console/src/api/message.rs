//! What administration is asked and what it answers, in JSON: the same over the admin socket, over the admin API, and in the commands.

use std::collections::BTreeMap;
use std::fmt;

use chancery_core::{EventId, Secret};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

pub use super::listing::{
    AllowedItem, ClientItem, Clients, GrantItem, Grants, KeyItem, Keys, ObjectItem, Objects, SessionItem, Sessions, SubjectItem, Subjects,
};
pub use super::registering::{
    Approve, Deny, EndToken, Judged, MakeToken, Registering, Registration, RegistrationToken, RegistrationTokenEnded,
    RegistrationTokenItem, RegistrationTokens, Waiting, WaitingClient,
};

/// What administration does.
#[derive(Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// What would applying these files change?
    Plan(Files),
    Apply(Files),
    Revoke(Revoke),
    Stand(Stand),
    List(List),
    Registration(Registration),
}

/// A configuration, as its files say it, and the secrets it refers to, which whoever asks looked up. No Debug: it holds them.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Files {
    /// Name and text.
    #[schema(value_type = Vec<Vec<String>>)]
    pub files: Vec<(String, String)>,
    /// By reference, as written: `env:NAME` or `file:PATH`.
    #[schema(value_type = BTreeMap<String, String>)]
    #[serde(default)]
    pub secrets: BTreeMap<String, SentSecret>,
}

/// A secret on its way to the server: the one place where secrets are written out.
#[derive(Clone)]
pub struct SentSecret(pub Secret<String>);

impl PartialEq for SentSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl fmt::Debug for SentSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a secret)")
    }
}

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
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Revoke {
    /// Over the admin API the address says it, and this is not looked at.
    #[serde(default)]
    pub tenant: String,
    pub kind: Revocable,
    /// Its id, as tokens and the audit log name it; or, of a person, an agent or a client, a name that only one has.
    pub id: String,
    /// For the audit log.
    #[serde(default = "unsaid")]
    pub reason: String,
    /// Nothing ends; the answer says what would.
    #[serde(default)]
    pub dry_run: bool,
}

fn unsaid() -> String {
    "revoked by an administrator".to_owned()
}

/// Whether a person may sign in and be acted for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Stand {
    /// As in [`Revoke`].
    #[serde(default)]
    pub tenant: String,
    /// Their id, username or email address.
    pub subject: String,
    /// True: all that is theirs ends, and nothing begins until they are reinstated.
    pub suspended: bool,
    #[serde(default = "unsaid")]
    pub reason: String,
}

/// What is to be listed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct List {
    pub tenant: String,
    pub what: Listed,
    /// Of this person alone: an id or a name.
    pub subject: Option<String>,
    /// Of this client alone: an id or a name.
    pub client: Option<String>,
    /// From behind this id on.
    pub after: Option<String>,
    pub limit: u32,
}

/// What there are lists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listed {
    Objects,
    Clients,
    Grants,
    Subjects,
    Sessions,
    Keys,
}

macro_rules! revocable {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal,)*) => {
        /// What can be ended.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Revocable { $($(#[doc = $doc])* $name,)* }

        impl Revocable {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it is, in words.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*),)* }
            }
        }
    };
}

revocable! {
    /// A person (usr_…, username): their tokens, what they allowed, their sessions
    Subject = "subject",
    /// An agent (agt_…, name): its tokens, and what was allowed to it
    Agent = "agent",
    /// A client (cli_…, name): its tokens, and what was allowed to it
    Client = "client",
    /// What a person allowed a client (grt_…), with all tokens that came of it
    Grant = "grant",
    /// One access token (tok_…, its `jti`)
    Token = "token",
    /// A person's signed-in browser (ses_…)
    Session = "session",
    /// A key (key_…, the `kid` of one that signs), with all that hangs on it; a new one takes its place
    Key = "key",
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

/// What is answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Answer {
    Planned(Planned),
    Applied(Applied),
    Revoked(Revoked),
    Objects(Objects),
    Clients(Clients),
    Grants(Grants),
    Subjects(Subjects),
    Sessions(Sessions),
    Keys(Keys),
    RegistrationToken(RegistrationToken),
    RegistrationTokens(RegistrationTokens),
    RegistrationTokenEnded(RegistrationTokenEnded),
    Waiting(Waiting),
    Judged(Judged),
    Event { event: serde_json::Value },
    Health(NodeHealth),
}

/// How a node is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct NodeHealth {
    /// Whether it should be sent requests.
    pub ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub why: String,
    pub feed: FeedNews,
    /// Those that were asked so far.
    pub upstreams: Vec<UpstreamHealth>,
}

/// How new what a node knows of ends is.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FeedNews {
    pub lag_seconds: f64,
    /// From here on nobody can rely on it.
    pub lost_after_seconds: u64,
    pub lost: bool,
}

/// One address of a server behind a resource.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct UpstreamHealth {
    pub resource: String,
    pub address: String,
    /// Why it is not asked for now.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub resting: String,
}

/// What an apply would change.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Planned {
    pub tenant: String,
    /// The one that it was made against.
    pub version: i64,
    /// A line each.
    pub changes: Vec<String>,
    /// As a person reads it.
    pub text: String,
}

/// What an apply changed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    pub tenant: String,
    pub version: i64,
    pub changes: Vec<String>,
    /// The file's: name and id.
    pub clients: BTreeMap<String, String>,
}

/// What ended, or would.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Revoked {
    pub tenant: String,
    pub kind: Revocable,
    /// The id, also where a name was given.
    pub id: String,
    /// How many of what: `grants`, `sessions`.
    pub ended: BTreeMap<String, u64>,
    /// What is worth knowing now; empty if nothing is.
    pub note: String,
    /// Nothing ended: it was asked what would.
    #[serde(default)]
    pub dry_run: bool,
}

/// A page of the audit log, oldest first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Events {
    /// `id`, `kind`, `at` in milliseconds since 1970, and `fields` by name.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<serde_json::Value>,
}

impl Answer {
    pub fn event(entry: &chancery_audit::Entry) -> Self {
        Self::Event { event: serde_json::to_value(entry).expect("an entry is ids, numbers and texts") }
    }
}

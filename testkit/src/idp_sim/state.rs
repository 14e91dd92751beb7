//! What a simulated provider knows: people, clients, sessions, what it gave out, and what it was asked.

use std::collections::{BTreeMap, BTreeSet};

use chancery_core::Timestamp;

use super::fault::Fault;
use super::keys::Keys;

/// Where a request goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Endpoint {
    Metadata,
    Keys,
    Authorize,
    /// The page where somebody says who they are.
    SignIn,
    Token,
    Logout,
    Register,
    Elsewhere,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub endpoint: Endpoint,
    pub method: String,
    pub path: String,
    /// Of the query or the form.
    pub parameters: BTreeMap<String, String>,
    pub authorization: Option<String>,
    pub origin: Option<String>,
    /// A body that is no form.
    pub body: String,
}

impl Asked {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    pub name: String,
    /// Never another's, and never another.
    pub id: String,
    pub domain: String,
    pub groups: Vec<String>,
    pub enabled: bool,
    /// What stands between them and tokens.
    pub needs: Option<Need>,
}

/// Why somebody gets no token until they have been at the provider again (E6, A2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    SecondFactor,
    Consent,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Client {
    pub secret: String,
    pub redirect_uris: Vec<String>,
    /// The token by which it is managed now, where it registered itself.
    pub registration_token: Option<String>,
    /// What it registered.
    pub metadata: serde_json::Value,
}

pub struct Session {
    pub person: String,
    pub signed_in_at: Timestamp,
    pub id: String,
}

#[derive(Clone)]
pub struct Code {
    pub client: String,
    pub redirect_uri: String,
    pub challenge: Option<String>,
    pub about: Given,
}

/// Who allowed what, for a code and for the refresh tokens that follow.
#[derive(Clone)]
pub struct Given {
    pub person: String,
    pub session: String,
    pub signed_in_at: Timestamp,
    pub nonce: Option<String>,
    pub scopes: Vec<String>,
    pub offline: bool,
}

#[derive(Clone)]
pub struct RefreshToken {
    pub client: String,
    pub family: u64,
    pub about: Given,
    pub replaced_at: Option<Timestamp>,
}

#[derive(Default)]
pub struct State {
    pub people: BTreeMap<String, Person>,
    pub clients: BTreeMap<String, Client>,
    pub sessions: BTreeMap<String, Session>,
    pub codes: BTreeMap<String, Code>,
    pub refresh_tokens: BTreeMap<String, RefreshToken>,
    pub ended_families: BTreeSet<u64>,
    /// Who consented to which client before (G1).
    pub consented: BTreeSet<(String, String)>,
    /// Initial access tokens and how often each may still be used; an API token has no number.
    pub registrars: BTreeMap<String, Option<u32>>,
    pub faults: BTreeMap<Endpoint, Fault>,
    pub asked: Vec<Asked>,
    pub keys: Keys,
    /// E7: the operators' secret ran out.
    pub secret_expired: bool,
    pub counter: u64,
}

impl State {
    /// A number nobody else has.
    pub fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Text that nobody guesses who does not read this file.
    pub fn opaque(&mut self, kind: &str) -> String {
        let number = self.next();
        let text = chancery_crypto::digest::base64url(&chancery_crypto::digest::sha256(format!("{kind} {number}").as_bytes()));
        format!("{kind}{number}.{text}")
    }
}

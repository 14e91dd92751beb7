//! Who is signed in, and which codes and refresh tokens are out. All are kept by the hash of what the other side holds.

use std::collections::HashMap;
use std::time::Duration;

use chancery_core::Timestamp;
use chancery_crypto::digest::sha256;

use crate::Person;

const SESSION: Duration = Duration::from_secs(8 * 3600);
const CODE: Duration = Duration::from_secs(60);
/// Of each kind; the oldest make room.
const MOST: usize = 10_000;

/// A browser in which somebody signed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session {
    pub person: Person,
    pub auth_time: Timestamp,
    /// The provider's own name for it, told as `sid`.
    pub id: SessionId,
}

pub type SessionId = [u8; 12];

/// What a refresh token stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refreshing {
    pub session: Session,
    pub scopes: Vec<String>,
    pub at: Timestamp,
    /// It made way for another.
    used: bool,
}

impl Refreshing {
    pub const fn new(session: Session, scopes: Vec<String>, at: Timestamp) -> Self {
        Self { session, scopes, at, used: false }
    }
}

/// What a code stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code {
    pub session: Session,
    pub redirect_uri: String,
    pub challenge: String,
    pub nonce: Option<String>,
    pub scopes: Vec<String>,
    pub at: Timestamp,
}

#[derive(Default)]
pub struct State {
    sessions: HashMap<[u8; 32], Session>,
    codes: HashMap<[u8; 32], Code>,
    refresh_tokens: HashMap<[u8; 32], Refreshing>,
}

impl State {
    pub fn session(&self, cookie: &str, now: Timestamp) -> Option<Session> {
        self.sessions.get(&sha256(cookie.as_bytes())).copied().filter(|session| now < session.auth_time + SESSION)
    }

    pub fn keep_session(&mut self, cookie: &str, session: Session) {
        make_room(&mut self.sessions, |session| session.auth_time);
        self.sessions.insert(sha256(cookie.as_bytes()), session);
    }

    pub fn keep_code(&mut self, code: &str, meaning: Code) {
        make_room(&mut self.codes, |code| code.at);
        self.codes.insert(sha256(code.as_bytes()), meaning);
    }

    /// A code is good once, and for a minute.
    pub fn redeem(&mut self, code: &str, now: Timestamp) -> Option<Code> {
        self.codes.remove(&sha256(code.as_bytes())).filter(|code| now < code.at + CODE)
    }

    pub fn keep_refresh_token(&mut self, token: &str, meaning: Refreshing) {
        make_room(&mut self.refresh_tokens, |token| token.at);
        self.refresh_tokens.insert(sha256(token.as_bytes()), meaning);
    }

    /// A token that rotates is good once. Who brings it again has stolen it, or was stolen from: all of its session are void.
    pub fn refresh(&mut self, token: &str, rotates: bool) -> Option<Refreshing> {
        let found = self.refresh_tokens.get_mut(&sha256(token.as_bytes()))?;
        if found.used {
            let session = found.session.id;
            self.refresh_tokens.retain(|_, token| token.session.id != session);
            return None;
        }
        found.used = rotates;
        Some(found.clone())
    }

    /// The living sessions of a person.
    pub fn of(&self, person: Person) -> Vec<SessionId> {
        self.sessions.values().filter(|session| session.person == person).map(|session| session.id).collect()
    }

    /// Ends a session, and what came of it.
    pub fn end(&mut self, id: &SessionId) {
        self.sessions.retain(|_, session| session.id != *id);
        self.codes.retain(|_, code| code.session.id != *id);
        self.refresh_tokens.retain(|_, token| token.session.id != *id);
    }
}

fn make_room<T>(all: &mut HashMap<[u8; 32], T>, at: impl Fn(&T) -> Timestamp) {
    if all.len() >= MOST
        && let Some(oldest) = all.iter().min_by_key(|(_, one)| at(one)).map(|(key, _)| *key)
    {
        all.remove(&oldest);
    }
}

//! Who is signed in, and which codes are out. Both are kept by the hash of what the other side holds.

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
}

fn make_room<T>(all: &mut HashMap<[u8; 32], T>, at: impl Fn(&T) -> Timestamp) {
    if all.len() >= MOST
        && let Some(oldest) = all.iter().min_by_key(|(_, one)| at(one)).map(|(key, _)| *key)
    {
        all.remove(&oldest);
    }
}

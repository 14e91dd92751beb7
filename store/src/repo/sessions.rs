//! Sessions of signed-in browsers, keyed by the hash of their cookie.

use std::time::Duration;

use chancery_core::{Authentication, Issuer, SessionId, Slug, SubjectId, TenantId, Timestamp};

use crate::{FromRow, Guard, Row, Store, StoreError, Value, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    pub tenant: TenantId,
    /// SHA-256 of the cookie.
    pub hash: [u8; 32],
    pub id: SessionId,
    pub subject: SubjectId,
    pub provider: Slug,
    pub authentication: Authentication,
    /// What the provider calls its own session (`sid`).
    pub their_id: Option<String>,
    /// The ID token, sealed: the provider wants to see it when the person signs out.
    pub id_token: Option<Vec<u8>>,
    pub created_at: Timestamp,
    pub used_at: Timestamp,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

const BY_HASH: &str = "SELECT tenant, hash, id, subject, provider, auth_time, acr, amr, their_id, id_token, created_at, used_at, expires_at, \
     ended_at FROM sessions WHERE tenant = $1 AND hash = $2";
const BY_THEIRS: &str = "SELECT tenant, hash, id, subject, provider, auth_time, acr, amr, their_id, id_token, created_at, used_at, expires_at, \
     ended_at FROM sessions WHERE tenant = $1 AND their_id = $2 AND provider = $3 AND ended_at IS NULL";
const USED: &str = "UPDATE sessions SET used_at = $3 WHERE tenant = $1 AND hash = $2 AND used_at < $3";
const INSERT: &str = "INSERT INTO sessions \
     (tenant, hash, id, subject, provider, auth_time, acr, amr, their_id, id_token, created_at, used_at, expires_at, ended_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const END: &str = "UPDATE sessions SET ended_at = $3 WHERE tenant = $1 AND hash = $2 AND ended_at IS NULL";
const END_BY_ID: &str = "UPDATE sessions SET ended_at = $3 WHERE tenant = $1 AND id = $2 AND ended_at IS NULL";
const END_OF_THEIRS: &str = "UPDATE sessions SET ended_at = $4 WHERE tenant = $1 AND their_id = $2 AND provider = $3 AND ended_at IS NULL";
const END_OF_SUBJECT: &str = "UPDATE sessions SET ended_at = $3 WHERE tenant = $1 AND subject = $2 AND ended_at IS NULL";
const END_OF_SUBJECT_UP_TO: &str =
    "UPDATE sessions SET ended_at = $4 WHERE tenant = $1 AND subject = $2 AND ended_at IS NULL AND created_at <= $3";
const END_OF_ISSUER: &str = "UPDATE sessions SET ended_at = $4 WHERE tenant = $1 AND ended_at IS NULL AND subject IN \
     (SELECT id FROM subjects WHERE tenant = $1 AND provider = $2 AND substr(key, 1, length($3)) = $3)";
const ALIVE: &str = "UPDATE sessions SET ended_at = NULL WHERE tenant = $1 AND hash = $2 AND ended_at IS NULL AND expires_at > $3";
const ALIVE_BY_ID: &str = "UPDATE sessions SET ended_at = NULL WHERE tenant = $1 AND id = $2 AND ended_at IS NULL AND expires_at > $3 \
     AND EXISTS (SELECT 1 FROM subjects WHERE subjects.tenant = $1 AND subjects.id = sessions.subject AND subjects.status = 'active')";

const OF_SUBJECT: &str = "SELECT tenant, hash, id, subject, provider, auth_time, acr, amr, their_id, id_token, created_at, used_at, expires_at, \
     ended_at FROM sessions WHERE tenant = $1 AND subject = $2 ORDER BY id LIMIT $3";

impl Session {
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }

    /// Whether nobody was there for so long.
    pub fn is_idle(&self, most: Duration, now: Timestamp) -> bool {
        now >= self.used_at + most
    }
}

impl FromRow for Session {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            hash: row.digest()?,
            id: row.parsed()?,
            subject: row.parsed()?,
            provider: row.parsed()?,
            authentication: Authentication { auth_time: row.opt(Row::at)?, acr: row.opt(Row::text)?, amr: row.json()? },
            their_id: row.opt(Row::text)?,
            id_token: row.opt(Row::blob)?,
            created_at: row.at()?,
            used_at: row.at()?,
            expires_at: row.at()?,
            ended_at: row.opt(Row::at)?,
        })
    }
}

pub fn insert(session: &Session) -> Write {
    let Session { tenant, hash, id, subject, provider, authentication, their_id, id_token, .. } = session;
    let Session { created_at, used_at, expires_at, ended_at, .. } = session;
    let Authentication { auth_time, acr, amr } = authentication;
    let amr = Value::json(amr);
    Write::one(
        INSERT,
        values![tenant, hash, id, subject, provider, auth_time, acr, amr, their_id, id_token, created_at, used_at, expires_at, ended_at],
    )
}

/// Somebody was there: idleness is counted from now.
pub fn used(tenant: &TenantId, hash: &[u8; 32], now: Timestamp) -> Write {
    Write::any(USED, values![tenant, hash, now])
}

/// Ending twice is ending once.
pub fn end(tenant: &TenantId, hash: &[u8; 32], now: Timestamp) -> Write {
    Write::any(END, values![tenant, hash, now])
}

/// By its id, where nobody has its cookie; the guard fails when no such session is alive.
pub fn end_by_id(tenant: &TenantId, id: &SessionId, now: Timestamp) -> Write {
    Write::one(END_BY_ID, values![tenant, id, now])
}

/// Those that a provider began as this session of its own; the guard fails when they are more or less than `many` by now.
pub fn end_of_theirs(tenant: &TenantId, (provider, id): (&Slug, &str), many: usize, now: Timestamp) -> Write {
    Write { guard: Guard::Exactly(many as u64), ..Write::any(END_OF_THEIRS, values![tenant, id, provider, now]) }
}

/// All sessions of a person.
pub fn end_of_subject(tenant: &TenantId, subject: &SubjectId, now: Timestamp) -> Write {
    Write::any(END_OF_SUBJECT, values![tenant, subject, now])
}

/// Those of a person's sessions that began up to then: whoever read how they stood then ends none that they began since.
pub fn end_of_subject_up_to(tenant: &TenantId, subject: &SubjectId, began: Timestamp, now: Timestamp) -> Write {
    Write::any(END_OF_SUBJECT_UP_TO, values![tenant, subject, began, now])
}

/// All sessions of the people whom this issuer vouched for, by this provider of the tenant's.
pub fn end_of_issuer(tenant: &TenantId, provider: &Slug, issuer: &Issuer, now: Timestamp) -> Write {
    Write::any(END_OF_ISSUER, values![tenant, provider, format!("{issuer} "), now])
}

/// Changes nothing; its guard says that the session is alive when the Unit commits.
pub fn alive(tenant: &TenantId, hash: &[u8; 32], now: Timestamp) -> Write {
    Write::one(ALIVE, values![tenant, hash, now])
}

/// The same by its id, where nobody has its cookie; of a person who may still sign in.
pub fn alive_by_id(tenant: &TenantId, id: &SessionId, now: Timestamp) -> Write {
    Write::one(ALIVE_BY_ID, values![tenant, id, now])
}

pub async fn by_hash(store: &Store, tenant: &TenantId, hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
    store.first(BY_HASH, values![tenant, hash]).await
}

/// The sessions that a provider began as this session of its own and that nobody has ended.
pub async fn by_theirs(store: &Store, tenant: &TenantId, provider: &Slug, id: &str) -> Result<Vec<Session>, StoreError> {
    store.all(BY_THEIRS, values![tenant, id, provider]).await
}

/// Whether this write is one of those here that end sessions: the rows it changed are the sessions that ended.
pub fn is_end(write: &Write) -> bool {
    [END, END_BY_ID, END_OF_THEIRS, END_OF_SUBJECT, END_OF_SUBJECT_UP_TO, END_OF_ISSUER].contains(&write.sql)
}

/// A person's sessions, oldest first; ended ones too.
pub async fn of_subject(store: &Store, tenant: &TenantId, subject: &SubjectId, limit: u32) -> Result<Vec<Session>, StoreError> {
    store.all(OF_SUBJECT, values![tenant, subject, limit]).await
}

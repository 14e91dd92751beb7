//! Sessions that ended, and the clients that are still to hear of it (OpenID Connect Back-Channel Logout §2.5): one row for each, written in the
//! Unit of the end, gone when the client has heard or nobody tries any more.

use chancery_core::{ClientId, SessionId, Slug, SubjectId, TenantId, Timestamp};

use crate::{FromRow, Row, Store, StoreError, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logout {
    pub tenant: TenantId,
    pub session: SessionId,
    pub client: ClientId,
    pub subject: String,
    /// How often somebody began to tell it.
    pub attempts: u32,
    /// When it is the next time.
    pub due_at: Timestamp,
}

const OF_SESSION: &str = "INSERT INTO logouts (tenant, session, client, subject, attempts, due_at) \
     SELECT DISTINCT tenant, session, client, subject, 0, CAST($3 AS BIGINT) FROM grants \
     WHERE tenant = $1 AND session = $2 AND ended_at IS NULL AND expires_at > $3 ON CONFLICT (tenant, session, client) DO NOTHING";
const OF_SUBJECT: &str = "INSERT INTO logouts (tenant, session, client, subject, attempts, due_at) \
     SELECT DISTINCT tenant, session, client, subject, 0, CAST($3 AS BIGINT) FROM grants \
     WHERE tenant = $1 AND subject = $2 AND session IS NOT NULL AND ended_at IS NULL AND expires_at > $3 \
     ON CONFLICT (tenant, session, client) DO NOTHING";
const OF_THEIR_SESSION: &str = "INSERT INTO logouts (tenant, session, client, subject, attempts, due_at) \
     SELECT DISTINCT tenant, session, client, subject, 0, CAST($4 AS BIGINT) FROM grants \
     WHERE tenant = $1 AND their_session = $2 AND session IS NOT NULL AND ended_at IS NULL AND expires_at > $4 \
     AND subject IN (SELECT id FROM subjects WHERE tenant = $1 AND provider = $3) ON CONFLICT (tenant, session, client) DO NOTHING";
const DUE: &str = "SELECT tenant, session, client, subject, attempts, due_at FROM logouts \
     WHERE tenant = $1 AND due_at <= $2 ORDER BY due_at LIMIT $3";
const TAKE: &str = "UPDATE logouts SET attempts = attempts + 1, due_at = $5 \
     WHERE tenant = $1 AND session = $2 AND client = $3 AND attempts = $4";
const REMOVE: &str = "DELETE FROM logouts WHERE tenant = $1 AND session = $2 AND client = $3";

impl FromRow for Logout {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            session: row.parsed()?,
            client: row.client()?,
            subject: row.text()?,
            attempts: u32::try_from(row.count()?).unwrap_or(u32::MAX),
            due_at: row.at()?,
        })
    }
}

/// The clients that were allowed something in this session are to hear of its end. It comes before the end of the grants; so with the others.
pub fn of_session(tenant: &TenantId, session: &SessionId, now: Timestamp) -> Write {
    Write::any(OF_SESSION, values![tenant, session, now])
}

/// Those that a person allowed something, in whatever session.
pub fn of_subject(tenant: &TenantId, subject: &SubjectId, now: Timestamp) -> Write {
    Write::any(OF_SUBJECT, values![tenant, subject, now])
}

/// Those that were allowed something in what began as this session of a provider's own.
pub fn of_their_session(tenant: &TenantId, (provider, id): (&Slug, &str), now: Timestamp) -> Write {
    Write::any(OF_THEIR_SESSION, values![tenant, id, provider, now])
}

pub async fn due(store: &Store, tenant: &TenantId, now: Timestamp, most: u32) -> Result<Vec<Logout>, StoreError> {
    store.all(DUE, values![tenant, now, most]).await
}

/// Takes the turn to tell it, until `next`; the guard fails when another node has it.
pub fn take(logout: &Logout, next: Timestamp) -> Write {
    let Logout { tenant, session, client, attempts, .. } = logout;
    Write::one(TAKE, values![tenant, session, client, *attempts, next])
}

/// It was heard, or nobody tries any more.
pub fn remove(logout: &Logout) -> Write {
    let Logout { tenant, session, client, .. } = logout;
    Write::any(REMOVE, values![tenant, session, client])
}

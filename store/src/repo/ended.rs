//! What was ended: each row refuses tokens until the last that it could concern has expired anyway.

use chancery_core::{Issuer, Slug, TenantId, Timestamp};

use super::words;
use crate::{FromRow, Row, Store, StoreError, Write};

words! {
    /// What kind of thing was ended.
    EndedKind {
        Tenant = "tenant",
        Subject = "subject",
        Client = "client",
        Agent = "agent",
        Grant = "grant",
        Key = "key",
        Token = "token",
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    pub tenant: TenantId,
    pub kind: EndedKind,
    /// The id of what was ended.
    pub key: String,
    pub at: Timestamp,
    /// No token that this could refuse outlives this.
    pub until: Timestamp,
}

const UNEXPIRED: &str = "SELECT tenant, kind, key, at, until FROM ended WHERE until > $1";
const PUT: &str = "INSERT INTO ended (tenant, kind, key, at, until) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (tenant, kind, key) DO UPDATE SET \
     at = CASE WHEN excluded.at > ended.at THEN excluded.at ELSE ended.at END, \
     until = CASE WHEN excluded.until > ended.until THEN excluded.until ELSE ended.until END";

const PUT_SUBJECTS: &str = "INSERT INTO ended (tenant, kind, key, at, until) \
     SELECT tenant, 'subject', id, CAST($4 AS BIGINT), CAST($5 AS BIGINT) FROM subjects \
     WHERE tenant = $1 AND provider = $2 AND substr(key, 1, length($3)) = $3 AND EXISTS \
     (SELECT 1 FROM grants WHERE grants.tenant = $1 AND grants.subject = subjects.id AND grants.ended_at IS NULL) \
     ON CONFLICT (tenant, kind, key) DO UPDATE SET \
     at = CASE WHEN excluded.at > ended.at THEN excluded.at ELSE ended.at END, \
     until = CASE WHEN excluded.until > ended.until THEN excluded.until ELSE ended.until END";

impl FromRow for End {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { tenant: row.parsed()?, kind: row.parsed()?, key: row.text()?, at: row.at()?, until: row.at()? })
    }
}

/// Of two ends of one thing the later stands.
pub fn put(end: &End) -> Write {
    let End { tenant, kind, key, at, until } = end;
    Write::one(PUT, values![tenant, kind, key, at, until])
}

/// Ends, as subjects, the people whom this issuer vouched for, by this provider of the tenant's, so far as they have a grant that lives:
/// one statement, whatever their number. It comes before the end of the grants.
pub fn put_subjects(tenant: &TenantId, provider: &Slug, issuer: &Issuer, at: Timestamp, until: Timestamp) -> Write {
    Write::any(PUT_SUBJECTS, values![tenant, provider, format!("{issuer} "), at, until])
}

/// Every tenant's ends that can still refuse something.
pub async fn unexpired(store: &Store, now: Timestamp) -> Result<Vec<End>, StoreError> {
    store.all(UNEXPIRED, values![now]).await
}

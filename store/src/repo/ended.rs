//! What was ended: each row refuses tokens until the last that it could concern has expired anyway.

use chancery_core::{AgentId, ClientId, Issuer, Slug, SubjectId, TenantId, Timestamp};

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

/// What was ended before is ended already: two ends of one grant are one.
macro_rules! put_grants {
    ($whose:literal) => {
        concat!(
            "INSERT INTO ended (tenant, kind, key, at, until) \
             SELECT tenant, 'grant', id, CAST($3 AS BIGINT), CAST($4 AS BIGINT) FROM grants WHERE tenant = $1 AND ",
            $whose,
            " AND ended_at = $3 ON CONFLICT (tenant, kind, key) DO NOTHING"
        )
    };
}

const PUT_GRANTS_OF_SUBJECT: &str = put_grants!("subject = $2");
const PUT_GRANTS_OF_CLIENT: &str = put_grants!("client = $2");
const PUT_GRANTS_OF_AGENT: &str = put_grants!("(agent = $2 OR subject = $2)");
const PUT_GRANTS_OF_ISSUER: &str =
    put_grants!("subject IN (SELECT id FROM subjects WHERE tenant = $1 AND provider = $5 AND substr(key, 1, length($2)) = $2)");
const SINCE: &str = "SELECT tenant, kind, key, at, until FROM ended WHERE tenant = $1 AND until >= $2";

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

/// Whose grants were ended.
#[derive(Clone, Copy, Debug)]
pub enum GrantsOf<'a> {
    Subject(&'a SubjectId),
    Client(&'a ClientId),
    Agent(&'a AgentId),
    /// The people whom this issuer vouched for, by this provider.
    Issuer(&'a Slug, &'a Issuer),
}

/// Ends by their ids the grants that the Unit has ended at this time: it comes behind what ended them.
pub fn put_grants(tenant: &TenantId, of: GrantsOf<'_>, at: Timestamp, until: Timestamp) -> Write {
    match of {
        GrantsOf::Subject(subject) => Write::any(PUT_GRANTS_OF_SUBJECT, values![tenant, subject, at, until]),
        GrantsOf::Client(client) => Write::any(PUT_GRANTS_OF_CLIENT, values![tenant, client, at, until]),
        GrantsOf::Agent(agent) => Write::any(PUT_GRANTS_OF_AGENT, values![tenant, agent, at, until]),
        GrantsOf::Issuer(provider, issuer) => Write::any(PUT_GRANTS_OF_ISSUER, values![tenant, format!("{issuer} "), at, until, provider]),
    }
}

/// A tenant's ends that stand until then or longer.
pub async fn since(store: &Store, tenant: &TenantId, until: Timestamp) -> Result<Vec<End>, StoreError> {
    store.all(SINCE, values![tenant, until]).await
}

/// Every tenant's ends that can still refuse something.
pub async fn unexpired(store: &Store, now: Timestamp) -> Result<Vec<End>, StoreError> {
    store.all(UNEXPIRED, values![now]).await
}

//! Subjects: people, as an index row each that can be erased. Never a password, never a profile of our own.

use chancery_core::{Slug, SubjectId, SubjectKey, TenantId, Timestamp};

use super::words;
use crate::{FromRow, Guard, Row, Store, StoreError, Value, Write};

words! {
    /// Whether a subject may sign in and be acted for.
    Standing { Active = "active", Suspended = "suspended" }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subject {
    pub tenant: TenantId,
    pub id: SubjectId,
    pub provider: Slug,
    pub key: SubjectKey,
    pub status: Standing,
    /// JSON: the last mapped claims and groups.
    pub claims: String,
    /// When the provider last spoke of them, by whichever node's clock says the latest.
    pub seen_at: Timestamp,
}

const BY_ID: &str = "SELECT tenant, id, provider, key, status, claims, seen_at FROM subjects WHERE tenant = $1 AND id = $2";
const BY_KEY: &str = "SELECT tenant, id, provider, key, status, claims, seen_at FROM subjects \
     WHERE tenant = $1 AND provider = $2 AND key = $3";
const INSERT: &str = "INSERT INTO subjects (tenant, id, provider, key, status, claims, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// Two that come at the same time may commit in either order, and by clocks that differ; nobody's latest sign-in is after `seen_at`.
const SEEN: &str = "UPDATE subjects SET claims = $3, seen_at = CASE WHEN seen_at > $4 THEN seen_at ELSE $4 END \
     WHERE tenant = $1 AND id = $2 AND status = 'active'";

const NOBODY: &str = "UPDATE subjects SET seen_at = seen_at WHERE tenant = $1 AND provider = $2 AND key = $3";

const PAGE: &str =
    "SELECT tenant, id, provider, key, status, claims, seen_at FROM subjects WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3";
const SAYING: &str = "SELECT tenant, id, provider, key, status, claims, seen_at FROM subjects \
     WHERE tenant = $1 AND claims LIKE $2 ESCAPE '\\' ORDER BY id LIMIT $3";
const STANDING: &str = "UPDATE subjects SET status = $3 WHERE tenant = $1 AND id = $2 AND status <> $3";
const TOLD: &str = "UPDATE subjects SET claims = $3, seen_at = CASE WHEN seen_at > $4 THEN seen_at ELSE $4 END \
     WHERE tenant = $1 AND id = $2";

impl FromRow for Subject {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            id: row.parsed()?,
            provider: row.parsed()?,
            key: SubjectKey::stored(row.text()?),
            status: row.parsed()?,
            claims: row.text()?,
            seen_at: row.at()?,
        })
    }
}

/// Of a person, what stands beside what they allowed, in the same read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Beside {
    pub provider: Slug,
    pub key: SubjectKey,
    pub status: Standing,
    /// JSON: the last mapped claims and groups.
    pub claims: String,
    /// When the provider last spoke of them.
    pub seen_at: Timestamp,
}

impl Beside {
    /// From the columns of a left join: nothing, where it is no person's, or one who was erased.
    pub(super) fn of(row: &mut Row) -> Result<Option<Self>, StoreError> {
        let (provider, key) = (row.opt(Row::parsed)?, row.opt(Row::text)?);
        let (status, claims, seen_at) = (row.opt(Row::parsed)?, row.opt(Row::text)?, row.opt(Row::at)?);
        let all = provider.zip(key).zip(status.zip(claims)).zip(seen_at);
        let beside =
            |(((provider, key), (status, claims)), seen_at)| Self { provider, key: SubjectKey::stored(key), status, claims, seen_at };
        Ok(all.map(beside))
    }
}

/// Somebody's first sign-in; the guard fails when another sign-in was first, whose id then stands.
pub fn insert(subject: &Subject) -> Write {
    let Subject { tenant, id, provider, key, status, claims, seen_at } = subject;
    Write::one(INSERT, values![tenant, id, provider, key, status, claims, seen_at])
}

/// A later sign-in; the guard fails for who was suspended or erased meanwhile.
pub fn seen(tenant: &TenantId, id: &SubjectId, claims: &str, now: Timestamp) -> Write {
    Write::one(SEEN, values![tenant, id, claims, now])
}

/// What the provider says of somebody meanwhile, whoever they are by now.
pub fn told(tenant: &TenantId, id: &SubjectId, claims: &str, now: Timestamp) -> Write {
    Write::any(TOLD, values![tenant, id, claims, now])
}

/// Changes nothing; its guard says that nobody has come by this key when the Unit commits.
pub fn nobody(tenant: &TenantId, provider: &Slug, key: &SubjectKey) -> Write {
    Write { guard: Guard::Exactly(0), ..Write::any(NOBODY, values![tenant, provider, key]) }
}

pub async fn by_id(store: &Store, tenant: &TenantId, id: &SubjectId) -> Result<Option<Subject>, StoreError> {
    store.first(BY_ID, values![tenant, id]).await
}

pub async fn by_key(store: &Store, tenant: &TenantId, provider: &Slug, key: &SubjectKey) -> Result<Option<Subject>, StoreError> {
    store.first(BY_KEY, values![tenant, provider, key]).await
}

/// Suspends or reinstates; the guard fails where that is how they stand already, or there is no such person.
pub fn stand(tenant: &TenantId, id: &SubjectId, standing: Standing) -> Write {
    Write::one(STANDING, values![tenant, id, standing])
}

/// Those after one, or from the first, in the order in which they first came.
pub async fn page(store: &Store, tenant: &TenantId, after: Option<&SubjectId>, limit: u32) -> Result<Vec<Subject>, StoreError> {
    let after = after.map_or_else(|| Value::from(""), Value::from);
    store.all(PAGE, values![tenant, after, limit]).await
}

/// Those whose claims have this text somewhere. Every row is looked at: for administrators, not for requests.
pub async fn saying(store: &Store, tenant: &TenantId, text: &str, limit: u32) -> Result<Vec<Subject>, StoreError> {
    store.all(SAYING, values![tenant, super::anywhere(text), limit]).await
}

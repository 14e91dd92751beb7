//! Clients that registered themselves (RFC 7591). There may be millions, so they are read one at a time.

use chancery_core::{ClientId, TenantId, Timestamp};

use super::words;
use crate::{FromRow, Row, Store, StoreError, Write};

words! {
    /// Whether a client may be used.
    Standing {
        Active = "active",
        /// It waits until an administrator approves.
        Pending = "pending",
        Denied = "denied",
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Client {
    pub tenant: TenantId,
    pub id: ClientId,
    /// JSON.
    pub body: String,
    pub standing: Standing,
    pub created_at: Timestamp,
    /// When it was first seen to be used; never, for those that only registered.
    pub used_at: Option<Timestamp>,
    /// When it goes, unless it is used, or somebody still allows it something.
    pub keep_until: Timestamp,
}

const BY_ID: &str = "SELECT tenant, id, body, standing, created_at, used_at, keep_until FROM clients WHERE tenant = $1 AND id = $2";
const WAITING: &str = "SELECT tenant, id, body, standing, created_at, used_at, keep_until FROM clients \
     WHERE tenant = $1 AND standing <> 'active' ORDER BY CASE standing WHEN 'pending' THEN 0 ELSE 1 END, created_at LIMIT $2";
const INSERT: &str =
    "INSERT INTO clients (tenant, id, body, standing, created_at, used_at, keep_until) VALUES ($1, $2, $3, $4, $5, $6, $7)";
const REPLACE: &str = "UPDATE clients SET body = $5, standing = $6 WHERE tenant = $1 AND id = $2 AND body = $3 AND standing = $4";
const DENY: &str = "UPDATE clients SET standing = 'denied', keep_until = $4 WHERE tenant = $1 AND id = $2 AND standing = $3";
const APPROVE: &str =
    "UPDATE clients SET standing = 'active', body = $5, keep_until = $6 WHERE tenant = $1 AND id = $2 AND standing = $3 AND body = $4";
const USED: &str = "UPDATE clients SET used_at = COALESCE(used_at, $3), keep_until = $4 WHERE tenant = $1 AND id = $2";
const ACTIVE: &str = "UPDATE clients SET standing = standing WHERE tenant = $1 AND id = $2 AND standing = 'active'";
const NEVER_USED: &str =
    "SELECT count(*) FROM (SELECT 1 FROM clients WHERE tenant = $1 AND used_at IS NULL AND standing <> 'denied' LIMIT $2) AS few";
const REMOVE: &str = "DELETE FROM clients WHERE tenant = $1 AND id = $2";

const PAGE: &str =
    "SELECT tenant, id, body, standing, created_at, used_at, keep_until FROM clients WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3";
const SAYING: &str = "SELECT tenant, id, body, standing, created_at, used_at, keep_until FROM clients WHERE tenant = $1 AND body LIKE $2 ESCAPE '\\' ORDER BY id LIMIT $3";

impl FromRow for Client {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            id: row.client()?,
            body: row.text()?,
            standing: row.parsed()?,
            created_at: row.at()?,
            used_at: row.opt(Row::at)?,
            keep_until: row.at()?,
        })
    }
}

pub fn insert(client: &Client) -> Write {
    let Client { tenant, id, body, standing, created_at, used_at, keep_until } = client;
    Write::one(INSERT, values![tenant, id, body, *standing, created_at, used_at, keep_until])
}

/// The guard fails when the body or the standing is another than the one `before`: somebody may have judged it meanwhile.
pub fn replace(tenant: &TenantId, id: &ClientId, before: (&str, Standing), after: (&str, Standing)) -> Write {
    Write::one(REPLACE, values![tenant, id, before.0, before.1, after.0, after.1])
}

/// The guard fails when it is not the client that was `seen` any more: of that standing, with that body. The body that it gets says who
/// let it in.
pub fn approve(tenant: &TenantId, id: &ClientId, seen: (&str, Standing), after: (&str, Timestamp)) -> Write {
    Write::one(APPROVE, values![tenant, id, seen.1, seen.0, after.0, after.1])
}

/// Whatever it says of itself by now; the guard fails when it is not of that standing any more.
pub fn deny(tenant: &TenantId, id: &ClientId, from: Standing, keep_until: Timestamp) -> Write {
    Write::one(DENY, values![tenant, id, from, keep_until])
}

/// Marks a use, and keeps it so much longer. Of clients of the file it changes nothing.
pub fn used(tenant: &TenantId, id: &ClientId, now: Timestamp, keep_until: Timestamp) -> Write {
    Write::any(USED, values![tenant, id, now, keep_until])
}

/// Changes nothing; its guard says that the client is there, and may be used, when the Unit commits.
pub fn active(tenant: &TenantId, id: &ClientId) -> Write {
    Write::one(ACTIVE, values![tenant, id])
}

/// The guard fails when it is gone already.
pub fn remove(tenant: &TenantId, id: &ClientId) -> Write {
    Write::one(REMOVE, values![tenant, id])
}

/// How many have registered and were never used, but for those that were denied: somebody looked at each of these. It counts no further
/// than `most`.
pub async fn never_used(store: &Store, tenant: &TenantId, most: u32) -> Result<u64, StoreError> {
    let mut rows = store.query(NEVER_USED, values![tenant, most]).await?;
    rows.first_mut().map_or(Ok(0), Row::count)
}

/// Those that may not be used: first those that wait, then those that were denied; the oldest of each first.
pub async fn waiting(store: &Store, tenant: &TenantId, most: u32) -> Result<Vec<Client>, StoreError> {
    store.all(WAITING, values![tenant, most]).await
}

pub async fn by_id(store: &Store, tenant: &TenantId, id: &ClientId) -> Result<Option<Client>, StoreError> {
    store.first(BY_ID, values![tenant, id]).await
}

/// Those after one, or from the first, in the order of their ids.
pub async fn page(store: &Store, tenant: &TenantId, after: Option<&ClientId>, limit: u32) -> Result<Vec<Client>, StoreError> {
    let after = after.map_or("", ClientId::as_str);
    store.all(PAGE, values![tenant, after, limit]).await
}

/// Those whose JSON has this text somewhere. Every row is looked at: for administrators, not for requests.
pub async fn saying(store: &Store, tenant: &TenantId, text: &str, limit: u32) -> Result<Vec<Client>, StoreError> {
    store.all(SAYING, values![tenant, super::anywhere(text), limit]).await
}

//! Clients that registered themselves (RFC 7591). There may be millions, so they are read one at a time.

use chancery_core::{ClientId, TenantId, Timestamp};

use crate::{FromRow, Row, Store, StoreError, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Client {
    pub tenant: TenantId,
    pub id: ClientId,
    /// JSON.
    pub body: String,
    pub created_at: Timestamp,
    /// When it was first seen to be used; never, for those that only registered.
    pub used_at: Option<Timestamp>,
}

const BY_ID: &str = "SELECT tenant, id, body, created_at, used_at FROM clients WHERE tenant = $1 AND id = $2";
const INSERT: &str = "INSERT INTO clients (tenant, id, body, created_at, used_at) VALUES ($1, $2, $3, $4, $5)";
const USED: &str = "UPDATE clients SET used_at = $3 WHERE tenant = $1 AND id = $2 AND used_at IS NULL";
const NEVER_USED: &str = "SELECT count(*) FROM (SELECT 1 FROM clients WHERE tenant = $1 AND used_at IS NULL LIMIT $2) AS few";
const REMOVE: &str = "DELETE FROM clients WHERE tenant = $1 AND id = $2";

impl FromRow for Client {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { tenant: row.parsed()?, id: row.client()?, body: row.text()?, created_at: row.at()?, used_at: row.opt(Row::at)? })
    }
}

pub fn insert(client: &Client) -> Write {
    let Client { tenant, id, body, created_at, used_at } = client;
    Write::one(INSERT, values![tenant, id, body, created_at, used_at])
}

/// Marks the first use; later ones, and clients of the file, change nothing.
pub fn used(tenant: &TenantId, id: &ClientId, now: Timestamp) -> Write {
    Write::any(USED, values![tenant, id, now])
}

/// The guard fails when it is gone already.
pub fn remove(tenant: &TenantId, id: &ClientId) -> Write {
    Write::one(REMOVE, values![tenant, id])
}

/// How many have registered and were never used; it counts no further than `most`.
pub async fn never_used(store: &Store, tenant: &TenantId, most: u32) -> Result<u64, StoreError> {
    let mut rows = store.query(NEVER_USED, values![tenant, most]).await?;
    rows.first_mut().map_or(Ok(0), Row::count)
}

pub async fn by_id(store: &Store, tenant: &TenantId, id: &ClientId) -> Result<Option<Client>, StoreError> {
    store.first(BY_ID, values![tenant, id]).await
}

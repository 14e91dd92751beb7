//! The keyring's rows: keys that sign and keys for what is in flight, each sealed.

use chancery_core::{KeyId, TenantId, Timestamp};

use super::words;
use crate::{FromRow, Row, Store, StoreError, Write};

words! {
    /// What a key is for.
    KeyPurpose { Sign = "sign", Page = "page", McpSession = "mcp_session", RefreshToken = "refresh_token" }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    pub tenant: TenantId,
    pub id: KeyId,
    pub purpose: KeyPurpose,
    pub algorithm: String,
    pub sealed: Vec<u8>,
    /// The JWK, of a key that signs.
    pub public: Option<String>,
    pub created_at: Timestamp,
    /// From when it is used; it is published before.
    pub active_at: Timestamp,
    /// From when it is no longer used; it is published until its last token dies.
    pub retired_at: Option<Timestamp>,
}

const ALL: &str = "SELECT tenant, id, purpose, algorithm, sealed, public, created_at, active_at, retired_at FROM keys ORDER BY tenant, id";
const OF_TENANT: &str = "SELECT tenant, id, purpose, algorithm, sealed, public, created_at, active_at, retired_at FROM keys \
     WHERE tenant = $1 ORDER BY id";
const INSERT: &str = "INSERT INTO keys (tenant, id, purpose, algorithm, sealed, public, created_at, active_at, retired_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const RETIRE: &str = "UPDATE keys SET retired_at = $3 WHERE tenant = $1 AND id = $2 AND retired_at IS NULL";
const REMOVE: &str = "DELETE FROM keys WHERE tenant = $1 AND id = $2";

impl FromRow for Key {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            id: row.parsed()?,
            purpose: row.parsed()?,
            algorithm: row.text()?,
            sealed: row.blob()?,
            public: row.opt(Row::text)?,
            created_at: row.at()?,
            active_at: row.at()?,
            retired_at: row.opt(Row::at)?,
        })
    }
}

pub fn insert(key: &Key) -> Write {
    let Key { tenant, id, purpose, algorithm, sealed, public, created_at, active_at, retired_at } = key;
    Write::one(INSERT, values![tenant, id, purpose, algorithm, sealed, public, created_at, active_at, retired_at])
}

pub fn retire(tenant: &TenantId, id: &KeyId, now: Timestamp) -> Write {
    Write::one(RETIRE, values![tenant, id, now])
}

/// A key that somebody else may have is published no longer.
pub fn remove(tenant: &TenantId, id: &KeyId) -> Write {
    Write::one(REMOVE, values![tenant, id])
}

/// Every tenant's keys, oldest first.
pub async fn all(store: &Store) -> Result<Vec<Key>, StoreError> {
    store.all(ALL, values![]).await
}

/// One tenant's keys, oldest first.
pub async fn of_tenant(store: &Store, tenant: &TenantId) -> Result<Vec<Key>, StoreError> {
    store.all(OF_TENANT, values![tenant]).await
}

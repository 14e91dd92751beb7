//! Tenants. The base URL is fixed by the first apply; the version is the registry's, one more with every apply.

use chancery_core::{Slug, TenantId, Timestamp};

use crate::{FromRow, Row, Store, StoreError, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tenant {
    pub id: TenantId,
    pub name: Slug,
    pub base_url: String,
    pub version: i64,
    pub created_at: Timestamp,
}

const ALL: &str = "SELECT id, name, base_url, version, created_at FROM tenants ORDER BY name";
const BY_ID: &str = "SELECT id, name, base_url, version, created_at FROM tenants WHERE id = $1";
const BY_NAME: &str = "SELECT id, name, base_url, version, created_at FROM tenants WHERE name = $1";
const INSERT: &str = "INSERT INTO tenants (id, name, base_url, version, created_at) VALUES ($1, $2, $3, $4, $5)";
const ADVANCE: &str = "UPDATE tenants SET version = version + 1 WHERE id = $1 AND version = $2";

impl FromRow for Tenant {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.parsed()?, name: row.parsed()?, base_url: row.text()?, version: row.int()?, created_at: row.at()? })
    }
}

/// A new tenant; the guard fails when the name is taken.
pub fn insert(tenant: &Tenant) -> Write {
    Write::one(INSERT, values![tenant.id, &tenant.name, &tenant.base_url, tenant.version, tenant.created_at])
}

/// One version on, if nobody applied anything since `version` was read.
pub fn advance(tenant: &TenantId, version: i64) -> Write {
    Write::one(ADVANCE, values![tenant, version])
}

pub async fn all(store: &Store) -> Result<Vec<Tenant>, StoreError> {
    store.all(ALL, values![]).await
}

pub async fn by_id(store: &Store, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
    store.first(BY_ID, values![id]).await
}

pub async fn by_name(store: &Store, name: &Slug) -> Result<Option<Tenant>, StoreError> {
    store.first(BY_NAME, values![name]).await
}

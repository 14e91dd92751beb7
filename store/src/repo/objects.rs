//! The registry's objects: what `chancery.yaml` and the admin API declare. The owner is who may change one: a file, or the API.

use chancery_core::TenantId;

use super::words;
use crate::{FromRow, Row, Store, StoreError, Write};

words! {
    /// What an object is.
    ObjectKind {
        IdentityProvider = "identity_provider",
        Resource = "resource",
        Agent = "agent",
        Client = "client",
        Policy = "policy",
        Settings = "settings",
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object {
    pub tenant: TenantId,
    pub kind: ObjectKind,
    pub name: String,
    /// Unique in the tenant, over all kinds.
    pub id: String,
    pub owner: String,
    /// JSON.
    pub body: String,
    /// Sealed.
    pub secret: Option<Vec<u8>>,
    /// Unique over all tenants: a resource's public URL.
    pub url: Option<String>,
    /// The tenant's version that wrote it last.
    pub version: i64,
}

const OF_TENANT: &str = "SELECT tenant, kind, name, id, owner, body, secret, url, version FROM objects \
     WHERE tenant = $1 ORDER BY kind, name";
const INSERT: &str = "INSERT INTO objects (tenant, kind, name, id, owner, body, secret, url, version) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const REPLACE: &str =
    "UPDATE objects SET owner = $4, body = $5, secret = $6, url = $7, version = $8 WHERE tenant = $1 AND kind = $2 AND name = $3";
const REMOVE: &str = "DELETE FROM objects WHERE tenant = $1 AND kind = $2 AND name = $3";

impl FromRow for Object {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            kind: row.parsed()?,
            name: row.text()?,
            id: row.text()?,
            owner: row.text()?,
            body: row.text()?,
            secret: row.opt(Row::blob)?,
            url: row.opt(Row::text)?,
            version: row.int()?,
        })
    }
}

/// A new object; the guard fails when its name, id or URL is taken.
pub fn insert(object: &Object) -> Write {
    let Object { tenant, kind, name, id, owner, body, secret, url, version } = object;
    Write::one(INSERT, values![tenant, kind, name, id, owner, body, secret, url, version])
}

/// Everything but name and id is replaced. Writers are kept apart by the tenant's version.
pub fn replace(object: &Object) -> Write {
    let Object { tenant, kind, name, owner, body, secret, url, version, .. } = object;
    Write::one(REPLACE, values![tenant, kind, name, owner, body, secret, url, version])
}

pub fn remove(tenant: &TenantId, kind: ObjectKind, name: &str) -> Write {
    Write::one(REMOVE, values![tenant, kind, name])
}

pub async fn of_tenant(store: &Store, tenant: &TenantId) -> Result<Vec<Object>, StoreError> {
    store.all(OF_TENANT, values![tenant]).await
}

//! Audit events as the audit room sealed them. Ids lie in the order of time; rows come in with a Unit's leaves and are never changed,
//! but for the values, which can be erased.

use chancery_core::{EventId, TenantId, Timestamp};

use crate::{FromRow, LeafRow, Row, Store, StoreError, Value, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventRow {
    pub tenant: TenantId,
    pub id: EventId,
    pub kind: String,
    pub at: Timestamp,
    pub leaf: Vec<u8>,
    /// Values and salts; none once they were erased.
    pub values: Option<Vec<u8>>,
}

const INSERT: &str = "INSERT INTO events (tenant, id, kind, at, leaf, vals) VALUES ($1, $2, $3, $4, $5, $6)";
const AFTER: &str = "SELECT tenant, id, kind, at, leaf, vals FROM events WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3";
const NEWEST: &str = "SELECT tenant, id, kind, at, leaf, vals FROM events WHERE tenant = $1 ORDER BY id DESC LIMIT $2";
const ERASE: &str = "UPDATE events SET vals = NULL WHERE tenant = $1 AND id = $2";

impl FromRow for EventRow {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            id: row.parsed()?,
            kind: row.text()?,
            at: row.at()?,
            leaf: row.blob()?,
            values: row.opt(Row::blob)?,
        })
    }
}

/// A leaf's row; only a Unit's own leaves become one.
pub(crate) fn insert(tenant: &TenantId, leaf: LeafRow) -> Write {
    let LeafRow { id, kind, at, leaf, values } = leaf;
    Write::one(INSERT, values![tenant, id, kind, at, leaf, values])
}

/// Erases an event's values; its leaf stays, so whatever was built on it stays valid.
pub fn erase(tenant: &TenantId, id: &EventId) -> Write {
    Write::one(ERASE, values![tenant, id])
}

/// The events after one, or from the first, oldest first.
pub async fn after(store: &Store, tenant: &TenantId, after: Option<EventId>, limit: u32) -> Result<Vec<EventRow>, StoreError> {
    let after = after.map_or_else(|| Value::from(""), Value::from);
    store.all(AFTER, values![tenant, after, limit]).await
}

/// The newest events, oldest first.
pub async fn newest(store: &Store, tenant: &TenantId, limit: u32) -> Result<Vec<EventRow>, StoreError> {
    let mut events: Vec<EventRow> = store.all(NEWEST, values![tenant, limit]).await?;
    events.reverse();
    Ok(events)
}

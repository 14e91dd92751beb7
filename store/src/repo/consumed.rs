//! Single use: what is written here once is refused the second time. Anything that carries its own meaning but may be used only once
//! (a sealed page, a `jti`) is consumed in the Unit of its use.

use chancery_core::{TenantId, Timestamp};

use crate::Write;

const CONSUME: &str = "INSERT INTO consumed (tenant, kind, key, until) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, kind, key) DO NOTHING";

/// The guard fails when it was used before. `until` is when the thing itself stops being good, so the row may go.
pub fn consume(tenant: &TenantId, kind: &'static str, key: &str, until: Timestamp) -> Write {
    Write::one(CONSUME, values![tenant, kind, key, until])
}

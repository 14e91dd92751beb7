//! Single use: what is written here once is refused the second time. Anything that carries its own meaning but may be used only once
//! (a sealed page, a `jti`) is consumed in the Unit of its use.

use chancery_core::{TenantId, Timestamp};

use crate::Write;

const CONSUME: &str = "INSERT INTO consumed (tenant, kind, key, until) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, kind, key) DO NOTHING";

const GIVE_BACK: &str = "DELETE FROM consumed WHERE tenant = $1 AND kind = $2 AND key = $3";

/// The guard fails when it was used before. `until` is when the thing itself stops being good, so the row may go.
pub fn consume(tenant: &TenantId, kind: &'static str, key: &str, until: Timestamp) -> Write {
    Write::one(CONSUME, values![tenant, kind, key, until])
}

/// It was consumed for something that came to nothing, by whoever calls this: it may be used once more.
pub fn give_back(tenant: &TenantId, kind: &'static str, key: &str) -> Write {
    Write::any(GIVE_BACK, values![tenant, kind, key])
}

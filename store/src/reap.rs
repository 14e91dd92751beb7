//! Housekeeping: deletes what has expired, a table at a time, in bites small enough that nobody waits for them.

use std::time::Duration;

use chancery_core::{TenantId, Timestamp};

use crate::repo::tenants;
use crate::{CommitError, Store, Unit, Write};

/// How many rows one commit deletes at most.
const BITE: u32 = 500;

/// Codes stay after their end, redeemed or not, so that a replay is recognised for what it is (OA-08).
const CODES_STAY: Duration = Duration::from_hours(24);

/// Grants stay after their end while somebody may ask why something stopped; families with them, since they are read together.
const GRANTS_STAY: Duration = Duration::from_hours(7 * 24);

/// The feed is read within seconds; a node that was cut off for longer than this is told that it lost its place.
const FEED_STAYS: Duration = Duration::from_hours(24);

/// A client that registered itself and got no token in this time was an attempt, or somebody who fills the table.
const UNUSED_CLIENTS_STAY: Duration = Duration::from_hours(1);

/// What deletes the expired rows of one table: `$1` is the tenant, `$2` the time before which an end lies, `$3` how many.
type Table = fn(&TenantId, Timestamp) -> Write;

const TABLES: &[Table] = &[sessions, sign_ins, codes, families, grants, ended, consumed, unused_clients, feed];

/// Deletes all that has expired. Call it every few minutes; several nodes may do so at once.
///
/// # Errors
/// When the database does not answer; what was deleted until then stays deleted.
pub async fn reap(store: &Store, now: Timestamp) -> Result<u64, CommitError> {
    let mut deleted = 0;
    for tenant in tenants::all(store).await? {
        for table in TABLES {
            deleted += until_none_is_left(store, &tenant.id, || table(&tenant.id, now)).await?;
        }
    }
    Ok(deleted)
}

async fn until_none_is_left(store: &Store, tenant: &TenantId, bite: impl Fn() -> Write) -> Result<u64, CommitError> {
    let mut deleted = 0;
    loop {
        let receipt = store.commit(Unit::new(*tenant, vec![bite()])).await?;
        let rows: u64 = receipt.changed().iter().sum();
        deleted += rows;
        if rows < u64::from(BITE) {
            return Ok(deleted);
        }
    }
}

fn sessions(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM sessions WHERE tenant = $1 AND hash IN \
         (SELECT hash FROM sessions WHERE tenant = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now, BITE])
}

fn sign_ins(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM sign_ins WHERE tenant = $1 AND state IN \
         (SELECT state FROM sign_ins WHERE tenant = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now, BITE])
}

fn codes(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM codes WHERE tenant = $1 AND hash IN \
         (SELECT hash FROM codes WHERE tenant = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now - CODES_STAY, BITE])
}

fn families(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM families WHERE tenant = $1 AND id IN \
         (SELECT id FROM families WHERE tenant = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now - GRANTS_STAY, BITE])
}

fn grants(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM grants WHERE tenant = $1 AND id IN \
         (SELECT id FROM grants WHERE tenant = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now - GRANTS_STAY, BITE])
}

fn ended(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM ended WHERE tenant = $1 AND (kind, key) IN \
         (SELECT kind, key FROM ended WHERE tenant = $1 AND until < $2 ORDER BY until LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now, BITE])
}

fn consumed(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM consumed WHERE tenant = $1 AND (kind, key) IN \
         (SELECT kind, key FROM consumed WHERE tenant = $1 AND until < $2 ORDER BY until LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now, BITE])
}

fn unused_clients(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM clients WHERE tenant = $1 AND id IN \
         (SELECT id FROM clients WHERE tenant = $1 AND used_at IS NULL AND created_at < $2 ORDER BY created_at LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now - UNUSED_CLIENTS_STAY, BITE])
}

/// The newest that has expired stays: a follower that still finds the newest it saw knows that nothing behind it was deleted.
fn feed(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM feed WHERE tenant = $1 AND seq IN \
         (SELECT seq FROM feed WHERE tenant = $1 AND at < $2 AND seq < (SELECT MAX(seq) FROM feed WHERE at < $2) ORDER BY seq LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now - FEED_STAYS, BITE])
}

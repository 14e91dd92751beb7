//! Housekeeping: deletes what has expired, a table at a time, in bites small enough that nobody waits for them.
//!
//! Whose date can be put off is asked for it outside the subquery too: where a deletion waited for somebody who put it off, PostgreSQL looks
//! at the row again, but not at what the subquery found before.

use std::time::Duration;

use chancery_core::{SKEW, TenantId, Timestamp};

use crate::repo::{logged_out, tenants};
use crate::{Change, CommitError, Store, Topic, Unit, Write};

/// How many rows one commit deletes at most.
const BITE: u32 = 500;

/// Codes stay after their end, redeemed or not, so that a replay is recognised for what it is (OA-08).
const CODES_STAY: Duration = Duration::from_hours(24);

/// Grants stay after their end while somebody may ask why something stopped; families with them, since they are read together.
const GRANTS_STAY: Duration = Duration::from_hours(7 * 24);

/// Of whoever signs in again tomorrow, the provider may have given its only token yesterday.
const VOUCHERS_STAY: Duration = Duration::from_hours(24);

/// The feed is read within seconds; a node that was cut off for longer than this is told that it lost its place.
const FEED_STAYS: Duration = Duration::from_hours(24);

/// What deletes the expired rows of one table: `$1` is the tenant, `$2` the time before which an end lies, `$3` how many.
type Table = fn(&TenantId, Timestamp) -> Write;

const TABLES: &[Table] =
    &[sessions, sign_ins, codes, families, grants, approvals, ended, consumed, logouts_heard, registration_tokens, feed];

/// Deletes all that has expired. Call it every few minutes; several nodes may do so at once.
///
/// # Errors
/// When the database does not answer; what was deleted until then stays deleted.
pub async fn reap(store: &Store, now: Timestamp) -> Result<u64, CommitError> {
    let mut deleted = 0;
    for tenant in tenants::all(store).await? {
        for table in TABLES {
            deleted += until_none_is_left(store, || Unit::new(tenant.id, vec![table(&tenant.id, now)])).await?;
        }
        deleted += forgotten_clients(store, &tenant.id, now).await?;
        deleted += idle_vouchers(store, &tenant.id, now).await?;
    }
    Ok(deleted)
}

async fn until_none_is_left(store: &Store, bite: impl Fn() -> Unit) -> Result<u64, CommitError> {
    let mut deleted = 0;
    loop {
        let receipt = store.commit(bite()).await?;
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

fn approvals(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM approvals WHERE tenant = $1 AND expires_at < $2 AND (subject, client, resource) IN \
         (SELECT subject, client, resource FROM approvals WHERE tenant = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now, BITE])
}

/// A node that starts with its clock behind this one's still needs them.
fn ended(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM ended WHERE tenant = $1 AND until < $2 AND (kind, key) IN \
         (SELECT kind, key FROM ended WHERE tenant = $1 AND until < $2 ORDER BY until LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now - SKEW, BITE])
}

/// To a node whose clock is behind this one's, what was consumed is good for so much longer (SB-03).
fn consumed(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM consumed WHERE tenant = $1 AND (kind, key) IN \
         (SELECT kind, key FROM consumed WHERE tenant = $1 AND until < $2 ORDER BY until LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now - SKEW, BITE])
}

/// To a node whose clock is behind this one's, a sign-in lives for so much longer; and it looks back for so much longer than it lives.
fn logouts_heard(tenant: &TenantId, now: Timestamp) -> Write {
    const OLD: &str = "DELETE FROM logged_out WHERE tenant = $1 AND heard_at < $2 AND (provider, whose) IN \
         (SELECT provider, whose FROM logged_out WHERE tenant = $1 AND heard_at < $2 ORDER BY heard_at LIMIT $3)";
    Write::any(OLD, values![tenant, now - logged_out::STAYS - SKEW - SKEW, BITE]) // BL-02
}

fn registration_tokens(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM registration_tokens WHERE tenant = $1 AND hash IN \
         (SELECT hash FROM registration_tokens WHERE tenant = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now, BITE])
}

/// Clients that nobody used in their time and nobody allows anything any more. Nodes keep clients at hand, so they are told: not which,
/// since there may be thousands.
async fn forgotten_clients(store: &Store, tenant: &TenantId, now: Timestamp) -> Result<u64, CommitError> {
    const DUE: &str = "SELECT id FROM clients WHERE tenant = $1 AND keep_until < $2 AND NOT EXISTS (SELECT 1 FROM grants \
         WHERE grants.tenant = clients.tenant AND grants.client = clients.id AND grants.ended_at IS NULL AND grants.expires_at > $2) LIMIT 1";
    const FORGET: &str = "DELETE FROM clients WHERE tenant = $1 AND keep_until < $2 AND id IN \
         (SELECT id FROM clients WHERE tenant = $1 AND keep_until < $2 AND NOT EXISTS (SELECT 1 FROM grants \
         WHERE grants.tenant = clients.tenant AND grants.client = clients.id AND grants.ended_at IS NULL AND grants.expires_at > $2) \
         ORDER BY keep_until LIMIT $3)";
    if store.query(DUE, values![tenant, now]).await?.is_empty() {
        return Ok(0);
    }
    let any = Change { topic: Topic::Client, key: String::new() };
    let bite = || Unit { changes: vec![any.clone()], ..Unit::new(*tenant, vec![Write::any(FORGET, values![tenant, now, BITE])]) };
    until_none_is_left(store, bite).await
}

/// What nobody will ask by: the person has allowed nothing that still lives, is signed in nowhere, and was not asked about for a day. A secret
/// that has no use is not kept.
async fn idle_vouchers(store: &Store, tenant: &TenantId, now: Timestamp) -> Result<u64, CommitError> {
    const DUE: &str = "SELECT subject FROM vouchers WHERE tenant = $1 AND checked_at < $2 AND NOT EXISTS (SELECT 1 FROM grants \
         WHERE grants.tenant = vouchers.tenant AND grants.subject = vouchers.subject AND grants.ended_at IS NULL AND grants.expires_at > $3) \
         AND NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.tenant = vouchers.tenant AND sessions.subject = vouchers.subject \
         AND sessions.ended_at IS NULL AND sessions.expires_at > $3) LIMIT 1";
    const FORGET: &str = "DELETE FROM vouchers WHERE tenant = $1 AND checked_at < $2 AND (subject, registration) IN \
         (SELECT subject, registration FROM vouchers WHERE tenant = $1 AND checked_at < $2 AND NOT EXISTS (SELECT 1 FROM grants \
         WHERE grants.tenant = vouchers.tenant AND grants.subject = vouchers.subject AND grants.ended_at IS NULL AND grants.expires_at > $3) \
         AND NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.tenant = vouchers.tenant AND sessions.subject = vouchers.subject \
         AND sessions.ended_at IS NULL AND sessions.expires_at > $3) ORDER BY checked_at LIMIT $4)";
    let idle = now - VOUCHERS_STAY;
    if store.query(DUE, values![tenant, idle, now]).await?.is_empty() {
        return Ok(0);
    }
    let bite = || Unit::new(*tenant, vec![Write::any(FORGET, values![tenant, idle, now, BITE])]);
    until_none_is_left(store, bite).await
}

/// The newest that has expired stays: a follower that still finds the newest it saw knows that nothing behind it was deleted.
fn feed(tenant: &TenantId, now: Timestamp) -> Write {
    const EXPIRED: &str = "DELETE FROM feed WHERE tenant = $1 AND seq IN \
         (SELECT seq FROM feed WHERE tenant = $1 AND at < $2 AND seq < (SELECT MAX(seq) FROM feed WHERE at < $2) ORDER BY seq LIMIT $3)";
    Write::any(EXPIRED, values![tenant, now - FEED_STAYS, BITE])
}

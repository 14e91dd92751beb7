//! Initial access tokens (RFC 7591 §3): what an administrator gives to somebody who may register. Stored as hashes.

use chancery_core::{TenantId, Timestamp};

use crate::{FromRow, Row, Store, StoreError, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistrationToken {
    pub tenant: TenantId,
    pub hash: [u8; 32],
    /// What the administrator calls it.
    pub label: String,
    pub uses_left: u32,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

const BY_HASH: &str =
    "SELECT tenant, hash, label, uses_left, created_at, expires_at FROM registration_tokens WHERE tenant = $1 AND hash = $2";
const INSERT: &str =
    "INSERT INTO registration_tokens (tenant, hash, label, uses_left, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
const USE: &str = "UPDATE registration_tokens SET uses_left = uses_left - 1 \
     WHERE tenant = $1 AND hash = $2 AND uses_left > 0 AND expires_at > $3";

const GOOD: &str = "SELECT tenant, hash, label, uses_left, created_at, expires_at FROM registration_tokens \
     WHERE tenant = $1 AND uses_left > 0 AND expires_at > $2 ORDER BY created_at, hash LIMIT $3";
const END: &str = "DELETE FROM registration_tokens WHERE tenant = $1 AND hash = $2";
const GIVE_BACK: &str = "UPDATE registration_tokens SET uses_left = uses_left + 1 WHERE tenant = $1 AND hash = $2";

impl RegistrationToken {
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.uses_left > 0 && now < self.expires_at
    }
}

impl FromRow for RegistrationToken {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            hash: row.digest()?,
            label: row.text()?,
            uses_left: u32::try_from(row.count()?).unwrap_or(u32::MAX),
            created_at: row.at()?,
            expires_at: row.at()?,
        })
    }
}

pub fn insert(token: &RegistrationToken) -> Write {
    let RegistrationToken { tenant, hash, label, uses_left, created_at, expires_at } = token;
    Write::one(INSERT, values![tenant, *hash, label, *uses_left, created_at, expires_at])
}

/// One use of it; the guard fails when there is none left.
pub fn consume(tenant: &TenantId, hash: &[u8; 32], now: Timestamp) -> Write {
    Write::one(USE, values![tenant, *hash, now])
}

/// A use that came to nothing, by whoever consumed it. Of a token that was ended meanwhile nothing is left to give back.
pub fn give_back(tenant: &TenantId, hash: &[u8; 32]) -> Write {
    Write::any(GIVE_BACK, values![tenant, *hash])
}

/// It is good no longer; the guard fails when it is gone already.
pub fn end(token: &RegistrationToken) -> Write {
    Write::one(END, values![token.tenant, token.hash])
}

/// Those that can still register somebody, the newest last.
pub async fn good(store: &Store, tenant: &TenantId, now: Timestamp, most: u32) -> Result<Vec<RegistrationToken>, StoreError> {
    store.all(GOOD, values![tenant, now, most]).await
}

pub async fn by_hash(store: &Store, tenant: &TenantId, hash: &[u8; 32]) -> Result<Option<RegistrationToken>, StoreError> {
    store.first(BY_HASH, values![tenant, *hash]).await
}

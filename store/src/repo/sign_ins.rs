//! Sign-ins on their way: each lives from the approval until its person is back, and every step of it happens once.
//!
//! begun → claimed (the callback came) → finished (the provider's answer was good) → resumed (the issuer went on).

use chancery_core::{Slug, TenantId, Timestamp};

use crate::{FromRow, Row, Store, StoreError, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignIn {
    pub tenant: TenantId,
    /// SHA-256 of the `state` that travels through the provider.
    pub state: [u8; 32],
    pub provider: Slug,
    /// SHA-256 of the browser's cookie.
    pub browser: [u8; 32],
    /// Nonce and PKCE verifier, sealed.
    pub sealed: Vec<u8>,
    /// The approved request as the issuer sealed it.
    pub request: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub claimed_at: Option<Timestamp>,
    /// JSON: who came back.
    pub result: Option<String>,
    /// SHA-256 of the key that the browser brings to the issuer.
    pub resume: Option<[u8; 32]>,
    pub resumed_at: Option<Timestamp>,
}

const BY_STATE: &str = "SELECT tenant, state, provider, browser, sealed, request, created_at, expires_at, claimed_at, result, resume, resumed_at \
     FROM sign_ins WHERE tenant = $1 AND state = $2";
const BY_RESUME: &str = "SELECT tenant, state, provider, browser, sealed, request, created_at, expires_at, claimed_at, result, resume, resumed_at \
     FROM sign_ins WHERE tenant = $1 AND resume = $2";
const INSERT: &str = "INSERT INTO sign_ins \
     (tenant, state, provider, browser, sealed, request, created_at, expires_at, claimed_at, result, resume, resumed_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const CLAIM: &str = "UPDATE sign_ins SET claimed_at = $3 WHERE tenant = $1 AND state = $2 AND claimed_at IS NULL AND expires_at > $3";
const FINISH: &str = "UPDATE sign_ins SET result = $3, resume = $4 \
     WHERE tenant = $1 AND state = $2 AND claimed_at IS NOT NULL AND resume IS NULL AND expires_at > $5";
const RESUME: &str = "UPDATE sign_ins SET resumed_at = $3 \
     WHERE tenant = $1 AND state = $2 AND resume IS NOT NULL AND resumed_at IS NULL AND expires_at > $3";

const UNDER_WAY: &str = "SELECT count(*) FROM (SELECT 1 FROM sign_ins WHERE tenant = $1 LIMIT $2) AS few";

impl FromRow for SignIn {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            state: row.digest()?,
            provider: row.parsed()?,
            browser: row.digest()?,
            sealed: row.blob()?,
            request: row.text()?,
            created_at: row.at()?,
            expires_at: row.at()?,
            claimed_at: row.opt(Row::at)?,
            result: row.opt(Row::text)?,
            resume: row.opt(Row::digest)?,
            resumed_at: row.opt(Row::at)?,
        })
    }
}

pub fn insert(sign_in: &SignIn) -> Write {
    let SignIn { tenant, state, provider, browser, sealed, request, .. } = sign_in;
    let SignIn { created_at, expires_at, claimed_at, result, resume, resumed_at, .. } = sign_in;
    Write::one(
        INSERT,
        values![tenant, state, provider, browser, sealed, request, created_at, expires_at, claimed_at, result, resume, resumed_at],
    )
}

/// The callback came; the guard fails for the second one, and for one too late.
pub fn claim(tenant: &TenantId, state: &[u8; 32], now: Timestamp) -> Write {
    Write::one(CLAIM, values![tenant, state, now])
}

/// The provider's answer was good: who it was, and the hash of the key to go on with.
pub fn finish(tenant: &TenantId, state: &[u8; 32], result: &str, resume: &[u8; 32], now: Timestamp) -> Write {
    Write::one(FINISH, values![tenant, state, result, resume, now])
}

/// The issuer went on; the guard fails for the second time.
pub fn resume(tenant: &TenantId, state: &[u8; 32], now: Timestamp) -> Write {
    Write::one(RESUME, values![tenant, state, now])
}

/// How many there are, over or not, until they are reaped; it counts no further than `most`.
pub async fn under_way(store: &Store, tenant: &TenantId, most: u32) -> Result<u64, StoreError> {
    let mut rows = store.query(UNDER_WAY, values![tenant, most]).await?;
    rows.first_mut().map_or(Ok(0), Row::count)
}

pub async fn by_state(store: &Store, tenant: &TenantId, state: &[u8; 32]) -> Result<Option<SignIn>, StoreError> {
    store.first(BY_STATE, values![tenant, state]).await
}

/// By the hash of the key that the browser brought.
pub async fn by_resume(store: &Store, tenant: &TenantId, resume: &[u8; 32]) -> Result<Option<SignIn>, StoreError> {
    store.first(BY_RESUME, values![tenant, resume]).await
}

//! Authorization codes, keyed by their hash (RFC 6749 §4.1.2). A redeemed one stays a while, so that a second coming is recognised.

use chancery_core::{ClientId, FamilyId, GrantId, TenantId, Timestamp};

use super::grants::Grant;
use super::subjects::Beside;
use super::vouchers::{Checked, voucher_for};
use crate::{FromRow, Row, Store, StoreError, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code {
    pub tenant: TenantId,
    /// SHA-256 of the code.
    pub hash: [u8; 32],
    pub grant_id: GrantId,
    pub client: ClientId,
    pub redirect_uri: String,
    /// The PKCE S256 challenge.
    pub challenge: String,
    pub nonce: Option<String>,
    /// The thumbprint of the key that it is good with, where it is bound to one.
    pub jkt: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub redeemed_at: Option<Timestamp>,
    /// The refresh tokens that its redemption began.
    pub family: Option<FamilyId>,
}

const WITH_GRANT: &str = concat!(
    "SELECT c.tenant, c.hash, c.grant_id, c.client, c.redirect_uri, c.challenge, c.nonce, c.jkt, c.created_at, c.expires_at, \
     c.redeemed_at, c.family, g.tenant, g.id, g.parent, g.subject, g.client, g.agent, g.resources, g.authentication, g.session, g.their_session, \
     g.created_at, g.expires_at, g.ended_at, g.end_reason, v.checked_at, v.tried_at, v.trouble, s.provider, s.key, s.status, s.claims, \
     s.seen_at FROM codes c JOIN grants g ON g.tenant = c.tenant AND g.id = c.grant_id \
     LEFT JOIN vouchers v ON v.tenant = g.tenant AND v.subject = g.subject AND ",
    voucher_for!("g.subject", "g.client"),
    " LEFT JOIN subjects s ON s.tenant = g.tenant AND s.id = g.subject WHERE c.tenant = $1 AND c.hash = $2"
);
const INSERT: &str = "INSERT INTO codes \
     (tenant, hash, grant_id, client, redirect_uri, challenge, nonce, jkt, created_at, expires_at, redeemed_at, family) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const REDEEM: &str = "UPDATE codes SET redeemed_at = $3, family = $4 \
     WHERE tenant = $1 AND hash = $2 AND redeemed_at IS NULL AND expires_at > $3 AND EXISTS (SELECT 1 FROM grants \
     WHERE grants.tenant = codes.tenant AND grants.id = codes.grant_id AND grants.ended_at IS NULL AND grants.expires_at > $3)";
const BURN: &str = "UPDATE codes SET redeemed_at = $3 WHERE tenant = $1 AND hash = $2 AND redeemed_at IS NULL";

impl FromRow for Code {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            hash: row.digest()?,
            grant_id: row.parsed()?,
            client: row.client()?,
            redirect_uri: row.text()?,
            challenge: row.text()?,
            nonce: row.opt(Row::text)?,
            jkt: row.opt(Row::text)?,
            created_at: row.at()?,
            expires_at: row.at()?,
            redeemed_at: row.opt(Row::at)?,
            family: row.opt(Row::parsed)?,
        })
    }
}

/// A code and what stands behind it, in one read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redeemable {
    pub code: Code,
    pub grant: Grant,
    /// What the identity provider last said of the grant's person, where it gave something to ask it by.
    pub checked: Option<Checked>,
    /// The grant's person.
    pub person: Option<Beside>,
}

impl FromRow for Redeemable {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let (code, grant) = (Code::from_row(row)?, Grant::from_row(row)?);
        Ok(Self { code, grant, checked: Checked::beside(row)?, person: Beside::of(row)? })
    }
}

pub fn insert(code: &Code) -> Write {
    let Code { tenant, hash, grant_id, client, redirect_uri, challenge, nonce, jkt, created_at, expires_at, redeemed_at, family } = code;
    Write::one(
        INSERT,
        values![tenant, hash, grant_id, client, redirect_uri, challenge, nonce, jkt, created_at, expires_at, redeemed_at, family],
    )
}

/// The one redemption: of a code not redeemed, not expired, its grant alive.
pub fn redeem(tenant: &TenantId, hash: &[u8; 32], family: Option<&FamilyId>, now: Timestamp) -> Write {
    Write::one(REDEEM, values![tenant, hash, now, family])
}

/// Makes a code useless without redeeming it (PK-04); the guard fails if somebody was first.
pub fn burn(tenant: &TenantId, hash: &[u8; 32], now: Timestamp) -> Write {
    Write::one(BURN, values![tenant, hash, now])
}

/// All that a redemption reads.
pub async fn with_grant(store: &Store, tenant: &TenantId, hash: &[u8; 32]) -> Result<Option<Redeemable>, StoreError> {
    store.first(WITH_GRANT, values![tenant, hash]).await
}

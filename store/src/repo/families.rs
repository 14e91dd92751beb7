//! Families of refresh tokens: one row with a generation. The tokens themselves are nowhere.

use chancery_core::{ClientId, FamilyId, GrantId, TenantId, Timestamp};

use super::grants::{AllowedResource, Grant};
use super::subjects::Beside;
use super::vouchers::{Checked, voucher_for};
use crate::{FromRow, Row, Store, StoreError, Value, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Family {
    pub tenant: TenantId,
    pub id: FamilyId,
    pub grant_id: GrantId,
    pub client: ClientId,
    /// Of the newest token.
    pub generation: u64,
    /// What its tokens may ask for, never more than the grant.
    pub scopes: Vec<AllowedResource>,
    pub created_at: Timestamp,
    pub rotated_at: Timestamp,
    pub used_at: Timestamp,
    /// The absolute end. It never moves: idleness is counted from `used_at`.
    pub expires_at: Timestamp,
    /// When its client was last asked to authorize anew, as long as no refresh was told so.
    pub step_up_at: Option<Timestamp>,
    /// The thumbprint of the key that its tokens are good with, where they are bound to one.
    pub jkt: Option<String>,
}

pub(crate) const WITH_GRANT: &str = concat!(
    "SELECT g.tenant, g.id, g.parent, g.subject, g.client, g.agent, g.resources, g.authentication, g.session, g.their_session, g.created_at, \
     g.expires_at, g.ended_at, g.end_reason, f.id, f.client, f.generation, NULLIF(f.scopes, g.resources), f.created_at, f.rotated_at, \
     f.used_at, f.expires_at, f.step_up_at, f.jkt, v.checked_at, v.tried_at, v.trouble, s.provider, s.key, s.status, s.claims, \
     s.seen_at FROM families f JOIN grants g ON g.tenant = f.tenant AND g.id = f.grant_id \
     LEFT JOIN vouchers v ON v.tenant = g.tenant AND v.subject = g.subject AND ",
    voucher_for!("g.subject", "g.client"),
    " LEFT JOIN subjects s ON s.tenant = g.tenant AND s.id = g.subject WHERE f.tenant = $1 AND f.id = $2"
);
const INSERT: &str = "INSERT INTO families (tenant, id, grant_id, client, generation, scopes, created_at, rotated_at, used_at, expires_at, jkt) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const ADVANCE: &str = "UPDATE families SET generation = generation + 1, rotated_at = $4, used_at = $4, jkt = $5 \
     WHERE tenant = $1 AND id = $2 AND generation = $3 AND expires_at > $4 AND EXISTS (SELECT 1 FROM grants \
     WHERE grants.tenant = families.tenant AND grants.id = families.grant_id AND grants.ended_at IS NULL AND grants.expires_at > $4)";
const RETRY: &str = "UPDATE families SET used_at = $4 \
     WHERE tenant = $1 AND id = $2 AND generation = $3 AND expires_at > $4 AND EXISTS (SELECT 1 FROM grants \
     WHERE grants.tenant = families.tenant AND grants.id = families.grant_id AND grants.ended_at IS NULL AND grants.expires_at > $4)";

const STEP_UP: &str = "UPDATE families SET step_up_at = $3 WHERE tenant = $1 AND grant_id = $2";
const STEPPED_UP: &str = "UPDATE families SET step_up_at = NULL WHERE tenant = $1 AND id = $2 AND step_up_at = $3";

impl Family {
    /// Its own columns, beside its grant's. Most may ask for all that was granted, which is then not read twice.
    fn of(grant: &Grant, row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: grant.tenant,
            id: row.parsed()?,
            grant_id: grant.id,
            client: row.client()?,
            generation: row.count()?,
            scopes: row.opt(Row::json)?.unwrap_or_else(|| grant.resources.clone()),
            created_at: row.at()?,
            rotated_at: row.at()?,
            used_at: row.at()?,
            expires_at: row.at()?,
            step_up_at: row.opt(Row::at)?,
            jkt: row.opt(Row::text)?,
        })
    }
}

/// A family and what stands behind it, in one read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refreshable {
    pub family: Family,
    pub grant: Grant,
    /// What the identity provider last said of the grant's person, where it gave something to ask it by.
    pub checked: Option<Checked>,
    /// The grant's person.
    pub person: Option<Beside>,
}

impl FromRow for Refreshable {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        let grant = Grant::from_row(row)?;
        let family = Family::of(&grant, row)?;
        Ok(Self { family, grant, checked: Checked::beside(row)?, person: Beside::of(row)? })
    }
}

pub fn insert(family: &Family) -> Write {
    let Family { tenant, id, grant_id, client, generation, created_at, rotated_at, used_at, expires_at, jkt, .. } = family;
    let scopes = Value::json(&family.scopes);
    Write::one(INSERT, values![tenant, id, grant_id, client, generation, scopes, created_at, rotated_at, used_at, expires_at, jkt])
}

/// From generation `from` to the next, which is bound to this key; the guard fails when somebody was first or the grant is not alive.
pub fn advance(tenant: &TenantId, id: &FamilyId, from: u64, jkt: Option<&str>, now: Timestamp) -> Write {
    Write::one(ADVANCE, values![tenant, id, from, now, jkt])
}

/// The same token once more: the newest is still `generation` and the grant alive.
pub fn retry(tenant: &TenantId, id: &FamilyId, generation: u64, now: Timestamp) -> Write {
    Write::one(RETRY, values![tenant, id, generation, now])
}

/// The client of this grant was asked to authorize anew.
pub fn step_up(tenant: &TenantId, grant: &GrantId, now: Timestamp) -> Write {
    Write::any(STEP_UP, values![tenant, grant, now])
}

/// A refresh was told so, once.
pub fn stepped_up(tenant: &TenantId, id: &FamilyId, asked_at: Timestamp) -> Write {
    Write::one(STEPPED_UP, values![tenant, id, asked_at])
}

/// All that a refresh reads.
pub async fn with_grant(store: &Store, tenant: &TenantId, id: &FamilyId) -> Result<Option<Refreshable>, StoreError> {
    store.first(WITH_GRANT, values![tenant, id]).await
}

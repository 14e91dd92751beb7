//! Vouchers: by what the identity provider can be asked again whether a person still stands well with it: the refresh token that it gave,
//! sealed. One a person; the newest sign-in's.
//!
//! Asking is one node's at a time: it takes the voucher by a guarded write, for a while, and gives it back with what it learned. Whoever
//! finds it taken for too long knows that somebody asked and never wrote down the answer.

use chancery_core::{RecheckTrouble, Slug, SubjectId, TenantId, Timestamp};

use crate::{FromRow, Row, Store, StoreError, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Voucher {
    pub tenant: TenantId,
    pub subject: SubjectId,
    pub provider: Slug,
    /// The refresh token.
    pub sealed: Vec<u8>,
    /// Moves with every token.
    pub version: u64,
    pub checked: Checked,
    /// Who asks now: something random, and until when nobody else does.
    pub taken: Option<([u8; 32], Timestamp)>,
}

/// What the provider last said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checked {
    /// When it last vouched.
    pub at: Timestamp,
    /// When it was last asked.
    pub tried_at: Timestamp,
    /// Why it did not vouch when it was last asked.
    pub trouble: Option<RecheckTrouble>,
}

const BY_SUBJECT: &str = "SELECT tenant, subject, provider, sealed, version, checked_at, tried_at, trouble, taken, taken_till \
     FROM vouchers WHERE tenant = $1 AND subject = $2";
const INSERT: &str = "INSERT INTO vouchers (tenant, subject, provider, sealed, version, checked_at, tried_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $6)";
const REPLACE: &str = "UPDATE vouchers SET provider = $3, sealed = $4, version = $5, checked_at = $6, tried_at = $6, trouble = NULL, \
     taken = NULL, taken_till = NULL WHERE tenant = $1 AND subject = $2 AND version = $7";
const SEEN: &str = "UPDATE vouchers SET checked_at = $3, tried_at = $3, trouble = NULL WHERE tenant = $1 AND subject = $2";
const TAKE: &str = "UPDATE vouchers SET taken = $4, taken_till = $5 \
     WHERE tenant = $1 AND subject = $2 AND version = $3 AND (taken IS NULL OR taken_till <= $6)";
const GIVE_BACK: &str = "UPDATE vouchers SET sealed = $5, version = $6, checked_at = $7, tried_at = $8, trouble = $9, \
     taken = NULL, taken_till = NULL WHERE tenant = $1 AND subject = $2 AND version = $3 AND taken = $4";
const REMOVE: &str = "DELETE FROM vouchers WHERE tenant = $1 AND subject = $2 AND version = $3";
const REMOVE_ANY: &str = "DELETE FROM vouchers WHERE tenant = $1 AND subject = $2";

impl FromRow for Voucher {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            subject: row.parsed()?,
            provider: row.parsed()?,
            sealed: row.blob()?,
            version: row.count()?,
            checked: Checked { at: row.at()?, tried_at: row.at()?, trouble: row.opt(Row::parsed)? },
            taken: row.opt(Row::digest)?.zip(row.opt(Row::at)?),
        })
    }
}

impl Checked {
    /// From the columns of a left join: nothing, where there is no voucher.
    pub(super) fn beside(row: &mut Row) -> Result<Option<Self>, StoreError> {
        let (at, tried_at, trouble) = (row.opt(Row::at)?, row.opt(Row::at)?, row.opt(Row::parsed)?);
        Ok(at.zip(tried_at).map(|(at, tried_at)| Self { at, tried_at, trouble }))
    }
}

/// The first token that the provider gave for a person; the guard fails when another sign-in was first.
pub fn insert(voucher: &Voucher) -> Write {
    let Voucher { tenant, subject, provider, sealed, version, checked, .. } = voucher;
    Write::one(INSERT, values![tenant, subject, provider, sealed, version, checked.at])
}

/// The token of a later sign-in, in the place of the version before. Whoever is asking by that one finds it gone.
pub fn replace(voucher: &Voucher) -> Write {
    let Voucher { tenant, subject, provider, sealed, version, checked, .. } = voucher;
    Write::one(REPLACE, values![tenant, subject, provider, sealed, version, checked.at, version.saturating_sub(1)])
}

/// A sign-in for which the provider gave no new token: it vouched all the same.
pub fn seen(tenant: &TenantId, subject: &SubjectId, now: Timestamp) -> Write {
    Write::any(SEEN, values![tenant, subject, now])
}

/// Whose turn it is to ask; the guard fails when it is another's, or the token has changed.
pub fn take(voucher: &Voucher, by: &[u8; 32], till: Timestamp, now: Timestamp) -> Write {
    Write::one(TAKE, values![&voucher.tenant, &voucher.subject, voucher.version, by, till, now])
}

/// What was learned: the token, version and check of `voucher`, in the place of `version`; the guard fails when it was taken away meanwhile.
pub fn give_back(voucher: &Voucher, version: u64, by: &[u8; 32]) -> Write {
    let Voucher { tenant, subject, sealed, checked, .. } = voucher;
    let trouble = checked.trouble.map(RecheckTrouble::as_str);
    Write::one(GIVE_BACK, values![tenant, subject, version, by, sealed, voucher.version, checked.at, checked.tried_at, trouble])
}

/// A token that is taken no more; the guard fails when a newer one is there.
pub fn remove(tenant: &TenantId, subject: &SubjectId, version: u64) -> Write {
    Write::one(REMOVE, values![tenant, subject, version])
}

/// Whatever token there is.
pub fn remove_any(tenant: &TenantId, subject: &SubjectId) -> Write {
    Write::any(REMOVE_ANY, values![tenant, subject])
}

pub async fn by_subject(store: &Store, tenant: &TenantId, subject: &SubjectId) -> Result<Option<Voucher>, StoreError> {
    store.first(BY_SUBJECT, values![tenant, subject]).await
}

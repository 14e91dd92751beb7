//! Vouchers: by what the identity provider can be asked again whether a person still stands well with it: the refresh token that it gave,
//! sealed. One for each registration that we have there: our own, and those of clients that the provider knows by an id of their own, since
//! it takes each of its tokens from nobody but whom it gave it to. The newest sign-in's stays.
//!
//! Asking is one node's at a time: it takes the voucher by a guarded write, for a while, and gives it back with what it learned. Whoever
//! finds it taken for too long knows that somebody asked and never wrote down the answer.

use chancery_core::{ClientId, RecheckTrouble, Slug, SubjectId, TenantId, Timestamp};

use crate::{FromRow, Row, Store, StoreError, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Voucher {
    pub tenant: TenantId,
    pub subject: SubjectId,
    /// The client of ours that the token was given to, where the provider knows it by an id of its own.
    pub registration: Option<ClientId>,
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

/// The voucher `v` by which this person is asked about for this client: by the client's own registration, or by ours, or by any; but not by
/// one of another client's that is in trouble, if they signed in since.
macro_rules! voucher_for {
    ($subject:literal, $client:literal) => {
        concat!(
            "v.registration = COALESCE((SELECT o.registration FROM vouchers o WHERE o.tenant = $1 AND o.subject = ",
            $subject,
            " AND o.registration = ",
            $client,
            "), (SELECT MIN(o.registration) FROM vouchers o WHERE o.tenant = $1 AND o.subject = ",
            $subject,
            " AND (o.registration = '' OR o.trouble IS NULL OR NOT EXISTS (SELECT 1 FROM subjects p WHERE p.tenant = o.tenant \
             AND p.id = o.subject AND p.seen_at > o.checked_at))))"
        )
    };
}
pub(super) use voucher_for;

const FOR_CLIENT: &str = concat!(
    "SELECT v.tenant, v.subject, v.registration, v.provider, v.sealed, v.version, v.checked_at, v.tried_at, v.trouble, v.taken, \
     v.taken_till FROM vouchers v WHERE v.tenant = $1 AND v.subject = $2 AND ",
    voucher_for!("$2", "$3")
);
const BY_REGISTRATION: &str = "SELECT tenant, subject, registration, provider, sealed, version, checked_at, tried_at, trouble, taken, \
     taken_till FROM vouchers WHERE tenant = $1 AND subject = $2 AND registration = $3";
const INSERT: &str = "INSERT INTO vouchers (tenant, subject, registration, provider, sealed, version, checked_at, tried_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
const REPLACE: &str = "UPDATE vouchers SET provider = $4, sealed = $5, version = $6, checked_at = $7, tried_at = $7, trouble = NULL, \
     taken = NULL, taken_till = NULL WHERE tenant = $1 AND subject = $2 AND registration = $3 AND version = $8";
const FORGET_LOST: &str = "DELETE FROM vouchers WHERE tenant = $1 AND subject = $2 AND registration = $3 AND trouble = 'lost'";
const SEEN: &str = "UPDATE vouchers SET checked_at = $4, tried_at = $4, taken = NULL, taken_till = NULL, \
     trouble = CASE WHEN trouble = 'silent' OR taken IS NOT NULL THEN 'silent' END \
     WHERE tenant = $1 AND subject = $2 AND registration = $3";
const TAKE: &str = "UPDATE vouchers SET taken = $5, taken_till = $6 WHERE tenant = $1 AND subject = $2 AND registration = $3 \
     AND version = $4 AND (taken IS NULL OR taken_till <= $7)";
const GIVE_BACK: &str = "UPDATE vouchers SET sealed = $6, version = $7, checked_at = $8, tried_at = $9, trouble = $10, \
     taken = NULL, taken_till = NULL WHERE tenant = $1 AND subject = $2 AND registration = $3 AND version = $4 AND taken = $5";
const REMOVE: &str = "DELETE FROM vouchers WHERE tenant = $1 AND subject = $2 AND registration = $3 AND version = $4 \
     AND taken = $5";
const REMOVE_ALL: &str = "DELETE FROM vouchers WHERE tenant = $1 AND subject = $2";
const REMOVE_OF_REGISTRATION: &str = "DELETE FROM vouchers WHERE tenant = $1 AND registration = $2 AND registration <> ''";

impl FromRow for Voucher {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            subject: row.parsed()?,
            registration: Some(row.text()?).filter(|id| !id.is_empty()).map(ClientId::claimed),
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

/// Our own registration's column is empty, and so comes first.
fn column(registration: Option<&ClientId>) -> String {
    registration.map(ToString::to_string).unwrap_or_default()
}

/// The first token that the provider gave for a person; the guard fails when another sign-in was first.
pub fn insert(voucher: &Voucher) -> Write {
    let Voucher { tenant, subject, registration, provider, sealed, version, checked, .. } = voucher;
    Write::one(INSERT, values![tenant, subject, column(registration.as_ref()), provider, sealed, version, checked.at])
}

/// The token of a later sign-in, in the place of the version before. Whoever is asking by that one finds it gone.
pub fn replace(voucher: &Voucher) -> Write {
    let Voucher { tenant, subject, registration, provider, sealed, version, checked, .. } = voucher;
    let before = version.saturating_sub(1);
    Write::one(REPLACE, values![tenant, subject, column(registration.as_ref()), provider, sealed, version, checked.at, before])
}

/// A sign-in for which the provider gave no new token: it vouched all the same. A token that it takes no more is of no use; that an answer
/// of it may be lost is not forgotten: whoever is asking by it now comes too late to write down what they hear.
pub fn seen(tenant: &TenantId, subject: &SubjectId, registration: Option<&ClientId>, now: Timestamp) -> [Write; 2] {
    let whose = || column(registration);
    [Write::any(FORGET_LOST, values![tenant, subject, whose()]), Write::any(SEEN, values![tenant, subject, whose(), now])]
}

/// Whose turn it is to ask; the guard fails when it is another's, or the token has changed.
pub fn take(voucher: &Voucher, by: &[u8; 32], till: Timestamp, now: Timestamp) -> Write {
    let Voucher { tenant, subject, registration, version, .. } = voucher;
    Write::one(TAKE, values![tenant, subject, column(registration.as_ref()), version, by, till, now])
}

/// What was learned: the token, version and check of `voucher`, in the place of `version`; the guard fails when it was taken away meanwhile.
pub fn give_back(voucher: &Voucher, version: u64, by: &[u8; 32]) -> Write {
    let Voucher { tenant, subject, registration, sealed, checked, .. } = voucher;
    let (registration, trouble) = (column(registration.as_ref()), checked.trouble.map(RecheckTrouble::as_str));
    let Checked { at, tried_at, .. } = checked;
    Write::one(GIVE_BACK, values![tenant, subject, registration, version, by, sealed, voucher.version, at, tried_at, trouble])
}

/// A token that is taken no more; the guard fails when a newer one is there, or the turn to ask is not this one's any more.
pub fn remove(voucher: &Voucher, by: &[u8; 32]) -> Write {
    let Voucher { tenant, subject, registration, version, .. } = voucher;
    Write::one(REMOVE, values![tenant, subject, column(registration.as_ref()), version, by])
}

/// Whatever tokens there are for a person.
pub fn remove_all(tenant: &TenantId, subject: &SubjectId) -> Write {
    Write::any(REMOVE_ALL, values![tenant, subject])
}

/// The tokens that were given to a client that the provider knows no more.
pub fn remove_of_registration(tenant: &TenantId, registration: &ClientId) -> Write {
    Write::any(REMOVE_OF_REGISTRATION, values![tenant, registration])
}

/// That of this registration of ours.
pub async fn by_registration(
    store: &Store,
    tenant: &TenantId,
    subject: &SubjectId,
    registration: Option<&ClientId>,
) -> Result<Option<Voucher>, StoreError> {
    store.first(BY_REGISTRATION, values![tenant, subject, column(registration)]).await
}

/// That by which a person is asked about, whose grant to this client is in question.
pub async fn for_client(store: &Store, tenant: &TenantId, subject: &SubjectId, client: &ClientId) -> Result<Option<Voucher>, StoreError> {
    store.first(FOR_CLIENT, values![tenant, subject, client]).await
}

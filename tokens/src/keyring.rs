//! The keyring: per tenant the keys that sign tokens, and the symmetric ones behind what is in flight (consent pages, MCP session ids,
//! refresh tokens). They lie sealed in the store and open in memory; no request waits for a key provider.
//!
//! A signing key is published before it is used, and after it is retired until the last token that it signed has died.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use chancery_core::{KeyId, Secret, TenantId, Timestamp};
use chancery_crypto::jose::{Algorithm, KeyError, KeySet, SigningKey};
use chancery_crypto::mac::MacKey;
use chancery_crypto::seal::{InFlightKey, InFlightKeys, SealError, Sealer};
use chancery_store::repo::keys::{self, Key, KeyPurpose};
use chancery_store::{Store, StoreError};
use tokio::sync::Mutex;

use crate::end::forgotten_at;
use crate::new_keys::place;
use crate::{RefreshTokenKeys, Signer};

#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    #[error("the keys could not be read: {0}")]
    Store(#[from] StoreError),
    #[error("key {0} could not be opened: {1}")]
    Sealed(KeyId, SealError),
    #[error("key {0} cannot be used: {1}")]
    Rejected(KeyId, KeyError),
    #[error("key {0} is not what a {purpose} key of this version looks like: was its row written by a newer version, or by hand?", purpose = .1.as_str())]
    Unknown(KeyId, KeyPurpose),
    #[error("tenant {0} has no {purpose} key, which is written when the tenant is made: restore the key rows from a backup", purpose = .1.as_str())]
    Missing(TenantId, KeyPurpose),
}

/// Verifies and seals for every tenant, and signs for none.
#[derive(Clone)]
pub struct Keyring {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    sealer: Sealer,
    tenants: ArcSwap<HashMap<TenantId, Arc<TenantKeys>>>,
    /// Whose turn it is to read them anew. It comes to everybody: each read of the store has an end.
    reading: Mutex<()>,
}

/// The open keys of one tenant.
pub struct TenantKeys {
    pub page: InFlightKeys,
    pub mcp_session: InFlightKeys,
    pub refresh: RefreshTokenKeys,
    /// What our tokens are verified with: whatever is published, and nothing else.
    pub(crate) published: KeySet,
    signing: Vec<Signing>,
    jwks: Bytes,
}

struct Signing {
    key: SigningKey,
    active_at: Timestamp,
    retired_at: Option<Timestamp>,
}

/// Opens the keys of all tenants. The signer goes to whoever mints, the keyring to everybody else.
pub async fn open(store: Store, sealer: Sealer, now: Timestamp) -> Result<(Keyring, Signer), KeyringError> {
    let mut rows: HashMap<TenantId, Vec<Key>> = HashMap::new();
    for row in keys::all(&store).await? {
        rows.entry(row.tenant).or_default().push(row);
    }
    let mut tenants = HashMap::new();
    for (tenant, rows) in rows {
        tenants.insert(tenant, Arc::new(TenantKeys::open(tenant, rows, &sealer, now).await?));
    }
    let keyring = Keyring { inner: Arc::new(Inner { store, sealer, tenants: ArcSwap::from_pointee(tenants), reading: Mutex::default() }) };
    Ok((keyring.clone(), Signer::new(keyring)))
}

impl Keyring {
    pub fn tenant(&self, tenant: &TenantId) -> Option<Arc<TenantKeys>> {
        self.inner.tenants.load().get(tenant).cloned()
    }

    /// The tenant's JWK set, as it goes over the wire.
    pub fn jwks(&self, tenant: &TenantId) -> Option<Bytes> {
        self.tenant(tenant).map(|keys| keys.jwks.clone())
    }

    /// Opens a tenant's keys anew, when the feed says that they changed (`Topic::Keys`). On an error the ones at hand stay.
    ///
    /// One at a time, from the read on: what was read earlier would else be put over what was read later, and bring back a key that was
    /// taken away meanwhile.
    pub async fn reload(&self, tenant: &TenantId, now: Timestamp) -> Result<(), KeyringError> {
        let _turn = self.inner.reading.lock().await;
        let rows = keys::of_tenant(&self.inner.store, tenant).await?;
        let keys = Arc::new(TenantKeys::open(*tenant, rows, &self.inner.sealer, now).await?);
        self.inner.tenants.rcu(|tenants| {
            let mut tenants = HashMap::clone(tenants);
            tenants.insert(*tenant, keys.clone());
            tenants
        });
        Ok(())
    }
}

impl TenantKeys {
    async fn open(tenant: TenantId, mut rows: Vec<Key>, sealer: &Sealer, now: Timestamp) -> Result<Self, KeyringError> {
        // What is in use first, newest first: the first of each kind is the one that seals and issues.
        rows.sort_by_key(|row| (!in_use(row.active_at, row.retired_at, now), Reverse(row.active_at), Reverse(row.id)));
        let (mut signing, mut page, mut mcp_session, mut refresh) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for row in rows.into_iter().filter(|row| is_needed(row, now)) {
            let id = row.id;
            let plain =
                sealer.open(&place(&tenant, &id.to_string()), &row.sealed).await.map_err(|error| KeyringError::Sealed(id, error))?;
            match row.purpose {
                KeyPurpose::Sign => signing.push(signing_key(&row, &plain)?),
                KeyPurpose::Page => page.push(InFlightKey::new(id, symmetric(&row, &plain)?)),
                KeyPurpose::McpSession => mcp_session.push(InFlightKey::new(id, symmetric(&row, &plain)?)),
                KeyPurpose::RefreshToken => refresh.push((id, MacKey::new(symmetric(&row, &plain)?))),
            }
        }
        let published = KeySet::from_keys(signing.iter().map(|signing| signing.key.jwk()));
        let jwks = serde_json::to_vec(&published.to_json()).expect("a JWK set has a JSON form").into();
        let refresh = RefreshTokenKeys::new(refresh).ok_or(KeyringError::Missing(tenant, KeyPurpose::RefreshToken))?;
        Ok(Self { page: InFlightKeys::new(page), mcp_session: InFlightKeys::new(mcp_session), refresh, published, signing, jwks })
    }

    /// Whether a key of this id is published.
    pub(crate) fn has(&self, kid: &str) -> bool {
        self.signing.iter().any(|signing| signing.key.kid() == kid)
    }

    /// The newest key of the algorithm that is in use in this second.
    pub(crate) fn signing_at(&self, algorithm: Algorithm, second: i64) -> Option<&SigningKey> {
        let usable = |signing: &&Signing| {
            let (active, retired) = (signing.active_at.seconds(), signing.retired_at.map(Timestamp::seconds));
            signing.key.algorithm() == algorithm && active <= second && retired.is_none_or(|retired| second < retired)
        };
        self.signing.iter().filter(usable).max_by_key(|signing| signing.active_at).map(|signing| &signing.key)
    }
}

fn in_use(active_at: Timestamp, retired_at: Option<Timestamp>, now: Timestamp) -> bool {
    active_at <= now && retired_at.is_none_or(|retired_at| now < retired_at)
}

/// A retired signing key may go when its last token has died. What else is in flight may be older, and its keys stay.
fn is_needed(row: &Key, now: Timestamp) -> bool {
    row.purpose != KeyPurpose::Sign || row.retired_at.is_none_or(|retired_at| now < forgotten_at(retired_at))
}

fn signing_key(row: &Key, pkcs8: &Secret<Vec<u8>>) -> Result<Signing, KeyringError> {
    let algorithm = Algorithm::from_name(&row.algorithm).ok_or(KeyringError::Unknown(row.id, row.purpose))?;
    let key = SigningKey::from_pkcs8(algorithm, row.id.to_string(), pkcs8).map_err(|error| KeyringError::Rejected(row.id, error))?;
    Ok(Signing { key, active_at: row.active_at, retired_at: row.retired_at })
}

fn symmetric(row: &Key, plain: &Secret<Vec<u8>>) -> Result<Secret<[u8; 32]>, KeyringError> {
    let key = plain.expose().as_slice().try_into().map_err(|_| KeyringError::Unknown(row.id, row.purpose))?;
    Ok(Secret::new(key))
}

#[cfg(test)]
mod tests;

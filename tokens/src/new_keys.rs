//! New keys: drawn, sealed, and handed back as writes for the Unit of whatever needs them. That Unit tells the feed (`Topic::Keys`): what
//! a node has not heard of, it cannot verify.

use std::collections::BTreeSet;

use chancery_core::{Entropy, KeyId, Rng, SKEW, Secret, TenantId, Timestamp};
use chancery_crypto::jose::{Algorithm, KeyError, SigningKey};
use chancery_crypto::seal::{Place, SealError, Sealer};
use chancery_store::Write;
use chancery_store::repo::keys::{self, Key, KeyPurpose};

#[derive(Debug, thiserror::Error)]
pub enum NewKeyError {
    #[error("the key could not be made: {0}")]
    NotMade(#[from] KeyError),
    #[error("the key could not be sealed: {0}")]
    NotSealed(#[from] SealError),
}

/// All that a new tenant needs: an ES256 key that signs, and one key each for pages, MCP sessions and refresh tokens.
pub async fn first_keys(tenant: &TenantId, sealer: &Sealer, now: Timestamp, rng: &dyn Rng) -> Result<Vec<Write>, NewKeyError> {
    let new = NewKeys { tenant, sealer, now, rng };
    Ok(vec![
        new.signing(Algorithm::Es256, now).await?,
        new.symmetric(KeyPurpose::Page, "AES-256-GCM").await?,
        new.symmetric(KeyPurpose::McpSession, "AES-256-GCM").await?,
        new.symmetric(KeyPurpose::RefreshToken, "HMAC-SHA256").await?,
    ])
}

/// Of each of these algorithms a tenant's first key. It may sign on every node at once, also where the clock is behind this one's.
pub async fn further_keys(
    tenant: &TenantId,
    algorithms: &BTreeSet<Algorithm>,
    sealer: &Sealer,
    now: Timestamp,
    rng: &dyn Rng,
) -> Result<Vec<Write>, NewKeyError> {
    let new = NewKeys { tenant, sealer, now, rng };
    let mut writes = Vec::with_capacity(algorithms.len());
    for algorithm in algorithms {
        writes.push(new.signing(*algorithm, now - SKEW).await?);
    }
    Ok(writes)
}

/// Makes keys for one tenant.
#[derive(Clone, Copy)]
pub(crate) struct NewKeys<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) sealer: &'a Sealer,
    pub(crate) now: Timestamp,
    pub(crate) rng: &'a dyn Rng,
}

impl NewKeys<'_> {
    /// A key that signs from `active_at` on and is published at once. An algorithm's first key may sign at once; the successor of one
    /// in use lies well ahead, so that whoever keeps a copy of the JWK set has it in time.
    pub(crate) async fn signing(&self, algorithm: Algorithm, active_at: Timestamp) -> Result<Write, NewKeyError> {
        let id = self.id();
        let kid = id.to_string();
        // An RSA key takes its time, and no request is to wait for it.
        let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm, kid)).await;
        let key = made.map_err(|_| KeyError::NotMade)??;
        let public = serde_json::to_string(&key.jwk()).expect("a public key has a JSON form");
        let sealed = self.seal(&id, key.to_pkcs8().expose()).await?;
        let row = Key { public: Some(public), active_at, ..self.row(id, KeyPurpose::Sign, algorithm.as_str(), sealed) };
        Ok(keys::insert(&row))
    }

    /// A key of the same kind, in use at once, also on a node whose clock is behind this one's: the old one is gone there, too.
    pub(crate) async fn successor(&self, old: &Key) -> Result<Write, NewKeyError> {
        match (old.purpose, Algorithm::from_name(&old.algorithm)) {
            (KeyPurpose::Sign, algorithm) => self.signing(algorithm.unwrap_or_default(), self.now - SKEW).await,
            (KeyPurpose::Page | KeyPurpose::McpSession | KeyPurpose::RefreshToken, _) => self.symmetric(old.purpose, &old.algorithm).await,
        }
    }

    async fn symmetric(&self, purpose: KeyPurpose, algorithm: &str) -> Result<Write, NewKeyError> {
        let id = self.id();
        let mut key = [0; 32];
        self.rng.fill(&mut key);
        let sealed = self.seal(&id, Secret::new(key).expose()).await?;
        Ok(keys::insert(&self.row(id, purpose, algorithm, sealed)))
    }

    fn id(&self) -> KeyId {
        KeyId::mint(self.now, &mut Entropy::draw(self.rng))
    }

    async fn seal(&self, id: &KeyId, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        self.sealer.seal(&place(self.tenant, &id.to_string()), plain).await
    }

    fn row(&self, id: KeyId, purpose: KeyPurpose, algorithm: &str, sealed: Vec<u8>) -> Key {
        let (tenant, algorithm, now) = (*self.tenant, algorithm.to_owned(), self.now);
        Key { tenant, id, purpose, algorithm, sealed, public: None, created_at: now, active_at: now, retired_at: None }
    }
}

/// Where a key is sealed. Its bytes never change, so there is one version of them.
pub(crate) const fn place<'a>(tenant: &'a TenantId, id: &'a str) -> Place<'a> {
    Place { tenant, table: "keys", row: id, version: 1 }
}

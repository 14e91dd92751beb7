//! For tests: a tenant with keys in a store of its own, and tokens of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chancery_core::{ClientId, Entropy, GrantId, Issuer, ResourceUrl, Slug, SubjectId, TenantId, Timestamp, TokenId};
use chancery_crypto::jose::Algorithm;
use chancery_crypto::random::SystemRng;
use chancery_crypto::seal::{LocalKeyFile, Sealer};
use chancery_store::{Store, StoreUrl, Unit, Write};

use crate::new_keys::NewKeys;
use crate::{AccessToken, Keyring, Signer, first_keys, keyring};

pub const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);
pub const BANK: &str = "https://gw.example/mcp/bank";
pub const LIFE: Duration = Duration::from_secs(300);

pub struct Site {
    pub store: Store,
    pub sealer: Sealer,
    pub keyring: Keyring,
    pub signer: Signer,
    pub tenant: TenantId,
    pub folder: PathBuf,
}

impl Site {
    pub async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("chancery-tokens-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        let store = Store::open(&StoreUrl::sqlite(folder.join("chancery.db"))).await.expect("a new store");
        let provider = LocalKeyFile::open_or_create(&folder.join("chancery.key"), &SystemRng).expect("a new key file");
        let sealer = Sealer::new(Arc::new(provider), Arc::new(SystemRng));
        let tenant = new_tenant();
        let writes = first_keys(&tenant, &sealer, NOW, &SystemRng).await.expect("new keys");
        commit(&store, tenant, writes).await;
        let (keyring, signer) = keyring::open(store.clone(), sealer.clone(), NOW).await.expect("the keys just made");
        Self { store, sealer, keyring, signer, tenant, folder }
    }

    pub async fn write(&self, write: Write) {
        commit(&self.store, self.tenant, vec![write]).await;
    }

    pub fn new_keys(&self, now: Timestamp) -> NewKeys<'_> {
        NewKeys { tenant: &self.tenant, sealer: &self.sealer, now, rng: &SystemRng }
    }

    pub fn sign(&self, claims: &AccessToken) -> String {
        self.signer.access_token(&self.tenant, Algorithm::Es256, claims).expect("a signed token").expose().clone()
    }

    /// The tenant's key signs whatever it is given, as a bug of ours, or another artefact of the same issuer, would be.
    pub fn sign_as(&self, typ: &'static str, claims: &impl serde::Serialize) -> String {
        let keys = self.keyring.tenant(&self.tenant).expect("the tenant has keys");
        keys.signing_at(Algorithm::Es256, NOW.seconds()).expect("a key in use").sign(typ, claims).expect("a signed token")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn new_tenant() -> TenantId {
    TenantId::mint(NOW, &mut Entropy::draw(&SystemRng))
}

pub async fn commit(store: &Store, tenant: TenantId, writes: Vec<Write>) {
    let _receipt = store.commit(Unit::new(tenant, writes)).await.expect("a commit");
}

pub fn issuer() -> Issuer {
    Issuer::of("https://gw.example", &name())
}

pub fn name() -> Slug {
    "acme".parse().expect("a name")
}

pub fn url(text: &str) -> ResourceUrl {
    text.parse().expect("a URL")
}

/// A token for the bank, issued now.
pub fn claims() -> AccessToken {
    let mut entropy = Entropy::draw(&SystemRng);
    AccessToken {
        iss: issuer(),
        sub: SubjectId::mint(NOW, &mut entropy).to_string(),
        aud: BANK.to_owned(),
        client_id: ClientId::mint(NOW, &mut entropy),
        scope: "bank:read".parse().expect("a scope"),
        exp: (NOW + LIFE).seconds(),
        iat: NOW.seconds(),
        jti: TokenId::mint(NOW, &mut entropy),
        act: None,
        cnf: None,
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        tenant: name(),
        agent: None,
        owner: None,
        roles: Vec::new(),
        grants: vec![GrantId::mint(NOW, &mut entropy)],
    }
}

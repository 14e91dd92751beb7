//! A store of one driver on a database of its own, and rows to put into it.

use std::path::PathBuf;
use std::time::Duration;

use chancery_core::{ClientId, Entropy, EventId, FamilyId, GrantId, ResourceId, TenantId, Timestamp};
use chancery_crypto::digest::sha256;
use chancery_crypto::random::SystemRng;
use chancery_store::repo::codes::Code;
use chancery_store::repo::families::Family;
use chancery_store::repo::grants::{AllowedResource, Grant};
use chancery_store::{CommitError, LeafRow, Receipt, Store, StoreUrl, Unit, Write};

use crate::postgres::Database;

pub const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);
pub const MINUTE: Duration = Duration::from_secs(60);

pub struct Site {
    pub store: Store,
    pub url: StoreUrl,
    pub tenant: TenantId,
    pub place: Place,
}

/// Where the database is, gone when the test is over.
pub enum Place {
    Folder(Folder),
    Server(Database),
}

pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("chancery-store-{}", fresh(EventId::mint)));
        std::fs::create_dir(&folder).expect("the temporary folder can be written to");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Site {
    pub async fn sqlite() -> Self {
        let folder = Folder::new();
        Self::open(StoreUrl::sqlite(folder.0.join("chancery.db")), Place::Folder(folder)).await
    }

    pub async fn postgres() -> Option<Self> {
        let database = Database::fresh()?;
        Some(Self::open(database.url().parse().expect("an address"), Place::Server(database)).await)
    }

    async fn open(url: StoreUrl, place: Place) -> Self {
        let store = Store::open(&url).await.expect("the store opens");
        Self { store, url, tenant: fresh(TenantId::mint), place }
    }

    /// Another node, where the driver can have two.
    pub async fn another_node(&self) -> Store {
        match self.place {
            Place::Folder(_) => self.store.clone(),
            Place::Server(_) => Store::open(&self.url).await.expect("a second node opens the store"),
        }
    }

    pub async fn commit(&self, writes: impl Into<Vec<Write>>) -> Result<Receipt, CommitError> {
        self.store.commit(Unit::new(self.tenant, writes.into())).await
    }

    /// Commits what must go well.
    pub async fn write(&self, writes: impl Into<Vec<Write>>) {
        let _ = self.commit(writes).await.expect("the Unit commits");
    }

    pub fn grant(&self) -> Grant {
        Grant {
            tenant: self.tenant,
            id: fresh(GrantId::mint),
            parent: None,
            subject: "usr_alice".to_owned(),
            client: fresh(ClientId::mint),
            agent: None,
            resources: vec![allowed()],
            authentication: None,
            session: None,
            their_session: None,
            created_at: NOW,
            expires_at: NOW + MINUTE * 60,
            ended_at: None,
            end_reason: None,
        }
    }

    pub fn code(&self, grant: &Grant, text: &str) -> Code {
        Code {
            tenant: self.tenant,
            hash: sha256(text.as_bytes()),
            grant_id: grant.id,
            client: grant.client.clone(),
            redirect_uri: "http://127.0.0.1/cb".to_owned(),
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
            nonce: None,
            jkt: None,
            created_at: NOW,
            expires_at: NOW + MINUTE,
            redeemed_at: None,
            family: None,
        }
    }

    pub fn family(&self, grant: &Grant) -> Family {
        Family {
            tenant: self.tenant,
            id: fresh(FamilyId::mint),
            grant_id: grant.id,
            client: grant.client.clone(),
            generation: 1,
            scopes: grant.resources.clone(),
            created_at: NOW,
            rotated_at: NOW,
            used_at: NOW,
            expires_at: NOW + MINUTE * 30,
            step_up_at: None,
            jkt: None,
        }
    }
}

pub fn allowed() -> AllowedResource {
    AllowedResource {
        resource: "https://gw.example/mcp/bank".parse().expect("a URL"),
        resource_id: fresh(ResourceId::mint),
        scope: "bank:read bank:transfer".parse().expect("scopes"),
    }
}

pub fn leaf() -> LeafRow {
    LeafRow { id: fresh(EventId::mint), kind: "signed_in", at: NOW, leaf: vec![0, 1, 255], values: vec![2; 300] }
}

/// A new id of any kind: `fresh(GrantId::mint)`.
pub fn fresh<T>(mint: impl FnOnce(Timestamp, &mut Entropy) -> T) -> T {
    mint(NOW, &mut Entropy::draw(&SystemRng))
}

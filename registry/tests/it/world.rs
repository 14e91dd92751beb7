//! What the tests have in common: a store in a folder of its own, a registry over it, and a file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chancery_audit::{Draft, Journal};
use chancery_core::{Clock, Rng, Secret, Timestamp};
use chancery_crypto::random::SystemRng;
use chancery_crypto::seal::{LocalKeyFile, Sealer};
use chancery_registry::config::{SecretRef, Whose};
use chancery_registry::{Applied, Applying, Config, Parts, Plan, PlanError, Registry};
use chancery_store::repo::objects::{self, Object};
use chancery_store::{Store, StoreUrl, Unit, Write};

pub const FILE: &str = r#"
tenant: acme
base_url: https://gw.example.com
identity_providers:
  - { name: corp, issuer: https://login.example.com, client_id: chancery, client_secret: env:CORP }
agents:
  - { name: reporter, owner: finance }
clients:
  - { name: desk, redirect_uris: [ https://desk.example.com/cb ], secret: env:DESK, agent: reporter }
  - { name: laptop, redirect_uris: [ http://127.0.0.1/cb ] }
resources:
  - name: bank
    title: Bank
    upstream: { url: http://10.0.0.7:9001/mcp }
    scopes: { "bank:read": See balances, "bank:move": Move money }
    default_scope: "bank:read"
    tools: { account_balance: { scope: "bank:read", read_only: true } }
lifetimes: { access_token: 10m }
"#;

pub const DESK_SECRET: &str = "0123456789abcdef0123456789abcdef";

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A store in a folder of its own, and a registry over it.
pub struct World {
    folder: PathBuf,
    pub store: Store,
    pub registry: Registry,
}

impl World {
    pub async fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("chancery-registry-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self::open(folder).await
    }

    async fn open(folder: PathBuf) -> Self {
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let store = Store::open(&StoreUrl::sqlite(folder.join("chancery.db"))).await.expect("a store");
        let key = LocalKeyFile::open_or_create(&folder.join("chancery.key"), &*rng).expect("a key");
        let registry = Registry::open(Parts {
            journal: Journal::new(store.clone(), Arc::clone(&rng)),
            sealer: Sealer::new(Arc::new(key), Arc::clone(&rng)),
            clock: Arc::new(TestClock(AtomicI64::new(1_764_000_000_000))),
            store: store.clone(),
            rng,
        });
        Self { registry: registry.await.expect("a registry"), store, folder }
    }

    pub async fn again(self) -> Self {
        self.store.close().await;
        Self::open(self.folder.clone()).await
    }

    pub async fn plan(&self, text: &str) -> Plan {
        self.registry.plan(&config(text)).await.unwrap_or_else(|error| panic!("{error}"))
    }

    pub async fn apply(&self, text: &str) -> Applied {
        let plan = self.plan(text).await;
        self.registry.apply(&plan, applying()).await.expect("applied")
    }

    pub async fn refused(&self, text: &str) -> Vec<String> {
        match self.registry.plan(&config(text)).await {
            Err(PlanError::Refused(problems)) => problems.iter().map(ToString::to_string).collect(),
            Err(other) => panic!("{other}"),
            Ok(plan) => panic!("planned: {plan}"),
        }
    }

    pub async fn rows(&self) -> Vec<Object> {
        let tenant = self.registry.tenant("acme").expect("a tenant").id;
        objects::of_tenant(&self.store, &tenant).await.expect("rows")
    }

    pub async fn write(&self, write: Write) {
        let tenant = self.registry.tenant("acme").expect("a tenant").id;
        let receipt = self.store.commit(Unit::new(tenant, vec![write])).await.expect("written");
        assert_eq!(receipt.changed(), [1]);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn config(text: &str) -> Config {
    let secrets = |reference: &SecretRef, _: Whose| match reference.to_string().as_str() {
        "env:CORP" => Ok(Secret::new("hunter2".to_owned())),
        "env:OTHER" => Ok(Secret::new("hunter3".to_owned())),
        "env:DESK" => Ok(Secret::new(DESK_SECRET.to_owned())),
        _ => Err("is not set".to_owned()),
    };
    let read = Config::read(&[("chancery.yaml".to_owned(), text.to_owned())], &secrets);
    read.unwrap_or_else(|problems| panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

pub fn applying() -> Applying {
    Applying { administrator: "alice".to_owned(), also: Draft::default() }
}

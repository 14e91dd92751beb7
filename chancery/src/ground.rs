//! What every command that does its own work stands on: the store, the keys, the registry. A server puts its endpoints on it; `plan`,
//! `apply`, `revoke` and `audit tail` use it as it is where no server runs.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chancery_audit::{Counters, Journal};
use chancery_core::{Clock, Rng, SystemClock};
use chancery_crypto::random::SystemRng;
use chancery_crypto::seal::{LocalKeyFile, Sealer};
use chancery_registry::config::{FeedConfig, ServerConfig};
use chancery_registry::{Parts, Registry};
use chancery_store::feed::Follower;
use chancery_store::{Store, StoreError, StoreUrl, repo};
use chancery_tokens::{Ended, Keyring, Signer};

use crate::admin::Administration;
use crate::exit::{Exit, Failure};

/// What the ground is made of.
pub struct Footing {
    pub store: StoreUrl,
    pub key_file: PathBuf,
    pub feed: FeedConfig,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

/// Opened, loaded, and ready to be built on. Only one process at a time stands on a SQLite store.
pub struct Ground {
    pub store: Store,
    pub sealer: Sealer,
    pub keyring: Keyring,
    pub signer: Signer,
    pub ended: Ended,
    pub journal: Journal,
    pub counters: Counters,
    pub registry: Registry,
    /// Begun before anything was loaded, so that no change falls between.
    pub follower: Follower,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

impl Footing {
    /// A footing on this machine's clock and randomness.
    pub fn here(store: StoreUrl, key_file: PathBuf) -> Self {
        Self { store, key_file, feed: FeedConfig::default(), clock: Arc::new(SystemClock), rng: Arc::new(SystemRng) }
    }

    pub fn of_server(server: &ServerConfig) -> Self {
        Self { feed: server.feed, ..Self::here(server.store.clone(), server.key_file.clone()) }
    }

    /// # Errors
    /// [`Exit::Storage`], saying what cannot be used and what to do.
    pub async fn open(self) -> Result<Ground, Failure> {
        let Self { store: url, key_file, feed, clock, rng } = self;
        let store = Store::open(&url).await.map_err(|error| cannot_open(&url, error))?;
        let follower = Follower::start(&store).await.map_err(|error| cannot_load(&error))?;
        let sealer = sealer(&store, &key_file, &rng).await?;
        let (keyring, signer) =
            chancery_tokens::open(store.clone(), sealer.clone(), clock.now()).await.map_err(|error| cannot_load(&error))?;
        let ended = Ended::load(&store, feed, clock.now()).await.map_err(|error| cannot_load(&error))?;
        let journal = Journal::new(store.clone(), rng.clone());
        let parts =
            Parts { store: store.clone(), journal: journal.clone(), sealer: sealer.clone(), clock: clock.clone(), rng: rng.clone() };
        let registry = Registry::open(parts).await.map_err(|error| cannot_load(&error))?;
        Ok(Ground { store, sealer, keyring, signer, ended, journal, counters: Counters::new(), registry, follower, clock, rng })
    }
}

impl Ground {
    /// Does one thing and lets go of the store.
    pub async fn closing<T>(&self, work: impl Future<Output = T>) -> T {
        let done = work.await;
        self.store.close().await;
        done
    }

    pub fn administration(&self) -> Administration {
        Administration {
            registry: self.registry.clone(),
            keyring: self.keyring.clone(),
            journal: self.journal.clone(),
            store: self.store.clone(),
            sealer: self.sealer.clone(),
            clock: self.clock.clone(),
            rng: self.rng.clone(),
        }
    }
}

/// The key file is made with the first data. A store that has data and no key file has lost it: a new one could open nothing.
async fn sealer(store: &Store, path: &Path, rng: &Arc<dyn Rng>) -> Result<Sealer, Failure> {
    let is_new = repo::tenants::all(store).await.map_err(|error| cannot_load(&error))?.is_empty();
    let opened = if is_new {
        make_folder_of(path)?;
        LocalKeyFile::open_or_create(path, &**rng)
    } else {
        LocalKeyFile::open(path)
    };
    let provider = opened.map_err(|error| {
        Failure::new(Exit::Storage, format!("the key file {} cannot be used", path.display())).because(error).remedy(if is_new {
            "make its folder one that this user can write to"
        } else {
            "put back the key file that this store was made with: what it sealed can be opened with nothing else"
        })
    })?;
    Ok(Sealer::new(Arc::new(provider), rng.clone()))
}

/// Nobody else may look into it, as into the store's own.
fn make_folder_of(path: &Path) -> Result<(), Failure> {
    let Some(folder) = path.parent() else { return Ok(()) };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        Failure::new(Exit::Storage, format!("the folder {} cannot be made", folder.display()))
            .because(error)
            .remedy("choose a folder that this user can write to")
    })
}

fn cannot_open(url: &StoreUrl, error: StoreError) -> Failure {
    match error {
        StoreError::Opening { what, why, remedy } => Failure::new(Exit::Storage, what).because(why).remedy(remedy),
        other => Failure::new(Exit::Storage, format!("the store {url} cannot be opened")).because(other),
    }
}

fn cannot_load(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Storage, "the store cannot be read").because(error).remedy("see to the database, then start again")
}

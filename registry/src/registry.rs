//! The handle that every room holds: the snapshot of each tenant, and the way to clients that are too many for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use chancery_audit::Journal;
use chancery_core::{ClientId, Clock, Rng, Source, TenantId};
use chancery_crypto::seal::Sealer;
use chancery_outbound::Fetcher;
use chancery_store::repo::{clients, objects, tenants};
use chancery_store::{Store, StoreError};
use quick_cache::sync::Cache;

use crate::client_documents::{ClientDocuments, ClientTrouble};
use crate::snapshot::{Snapshot, assemble};
use crate::{Client, Registered, RegistryError, Resource, Tenant, names_document};

/// How many registered clients are kept at hand.
const CACHED_CLIENTS: usize = 2_048;

/// What a registry works with.
pub struct Parts {
    pub store: Store,
    pub journal: Journal,
    pub sealer: Sealer,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

/// Cheap to clone; all clones see one snapshot.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    snapshot: ArcSwap<Snapshot>,
    clients: Cache<(TenantId, ClientId), Arc<Client>>,
    documents: ClientDocuments,
    /// Moves whenever a client is forgotten, so that what was read before is not kept after.
    forgotten: AtomicU64,
}

impl Registry {
    /// Reads every tenant.
    ///
    /// # Errors
    /// When the store does not answer, or holds what this version or this key cannot read.
    pub async fn open(parts: Parts) -> Result<Self, RegistryError> {
        let mut all = Vec::new();
        for row in tenants::all(&parts.store).await? {
            all.extend(load(&parts, &row.id).await?.map(Arc::new));
        }
        let (snapshot, clients) = (ArcSwap::from_pointee(Snapshot::of(all)), Cache::new(CACHED_CLIENTS));
        Ok(Self {
            inner: Arc::new(Inner { parts, snapshot, clients, documents: ClientDocuments::default(), forgotten: AtomicU64::new(0) }),
        })
    }

    pub fn tenant(&self, name: &str) -> Option<Arc<Tenant>> {
        self.inner.snapshot.load().tenant(name).cloned()
    }

    pub fn tenant_by_id(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.inner.snapshot.load().tenant_by_id(id).cloned()
    }

    /// At which version the tenant is. It costs less than having it.
    pub fn version(&self, id: &TenantId) -> Option<i64> {
        self.inner.snapshot.load().tenant_by_id(id).map(|tenant| tenant.version)
    }

    /// In the order of their names.
    pub fn tenants(&self) -> Vec<Arc<Tenant>> {
        let mut tenants: Vec<_> = self.inner.snapshot.load().tenants().cloned().collect();
        tenants.sort_by(|one, other| one.name.cmp(&other.name));
        tenants
    }

    /// The resource that a request means, by its `Host` and its path, and whose it is. The path is `/` for a resource whose URL has none.
    /// A path that one resource alone has is enough, since a proxy in front may call us by a name of its own.
    pub fn resource_at(&self, host: &str, path: &str) -> Option<(Arc<Tenant>, Arc<Resource>)> {
        self.inner.snapshot.load().resource_at(host, path).cloned()
    }

    /// Whether a tenant or a resource is public under this name: a host in lower case, without a port.
    pub fn is_public_at(&self, host: &str) -> bool {
        self.inner.snapshot.load().is_public_at(host)
    }

    /// Documents of clients are fetched by this; before it is said, none are.
    pub fn go_out_by(&self, fetcher: Fetcher) {
        self.inner.documents.go_out_by(fetcher);
    }

    /// As [`Registry::client_for`], where nobody from outside asks.
    ///
    /// # Errors
    /// As there.
    pub async fn client(&self, tenant: &Tenant, id: &ClientId) -> Result<Option<Arc<Client>>, ClientTrouble> {
        self.client_for(tenant, id, None).await
    }

    /// A client of the tenant, under its rules of now: of its file, registered, or known by a document. Those that were asked for lately cost no read, and neither
    /// does what cannot be a client's id. A document may have to be fetched, which is counted against the source that asks.
    ///
    /// # Errors
    /// When the store does not answer, or a document cannot be had.
    pub async fn client_for(&self, tenant: &Tenant, id: &ClientId, source: Option<Source>) -> Result<Option<Arc<Client>>, ClientTrouble> {
        if let Some(client) = tenant.clients.get(id) {
            return Ok(Some(Arc::clone(client)));
        }
        if names_document(id) {
            return self.inner.documents.client(tenant, id, source, self.inner.parts.clock.now()).await;
        }
        let key = (tenant.id, id.clone());
        if let Some(client) = self.inner.clients.get(&key) {
            return Ok(Some(tenant.ruled(client)));
        }
        if !Client::may_have(id) {
            return Ok(None);
        }
        let forgotten = self.inner.forgotten.load(Ordering::Acquire);
        let Some(row) = clients::by_id(&self.inner.parts.store, &tenant.id, id).await? else { return Ok(None) };
        let client = Arc::new(Registered::try_from(row)?.client);
        self.inner.clients.insert(key.clone(), Arc::clone(&client));
        if self.inner.forgotten.load(Ordering::Acquire) != forgotten {
            self.inner.clients.remove(&key);
        }
        Ok(Some(tenant.ruled(client)))
    }

    /// The client changed: the next who asks reads it anew.
    pub fn forget_client(&self, tenant: &TenantId, id: &ClientId) {
        self.inner.forgotten.fetch_add(1, Ordering::AcqRel);
        self.inner.clients.remove(&(*tenant, id.clone()));
    }

    /// Some of the clients changed, and nobody said which.
    pub fn forget_clients(&self) {
        self.inner.forgotten.fetch_add(1, Ordering::AcqRel);
        self.inner.clients.clear();
    }

    /// A client that registered itself, with what its registration is managed by, as the store has it now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn registered(&self, tenant: &TenantId, id: &ClientId) -> Result<Option<Registered>, StoreError> {
        if !Client::may_have(id) {
            return Ok(None);
        }
        clients::by_id(&self.inner.parts.store, tenant, id).await?.map(Registered::try_from).transpose()
    }

    /// Reads the tenant anew; from then on everybody sees it as it is.
    ///
    /// # Errors
    /// As [`Registry::open`]; the tenant stays as it was then.
    pub async fn reload(&self, tenant: &TenantId) -> Result<(), RegistryError> {
        if let Some(tenant) = load(&self.inner.parts, tenant).await? {
            let tenant = Arc::new(tenant);
            self.inner.snapshot.rcu(|snapshot| snapshot.with(&tenant));
        }
        Ok(())
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.snapshot.load_full()
    }
}

/// One tenant as the store has it, or none. Its row and its objects are two reads, so an apply may fall between them: then once more.
async fn load(Parts { store, sealer, .. }: &Parts, id: &TenantId) -> Result<Option<Tenant>, RegistryError> {
    let Some(mut row) = tenants::by_id(store, id).await? else { return Ok(None) };
    loop {
        let objects = objects::of_tenant(store, id).await?;
        let Some(now) = tenants::by_id(store, id).await? else { return Ok(None) };
        if now.version == row.version {
            return assemble(row, &objects, sealer).await.map(Some);
        }
        row = now;
    }
}

//! What stands behind the resources, as this node keeps it: connections, breakers, children, and how much every caller has under way.
//! None of it outlives the definition it was made for: another address or another secret is another upstream.

mod breaker;
mod crowd;
mod flow;
mod network;
mod stdio;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use bytes::Bytes;
use chancery_core::{Caller, Clock, ResourceId, Rng};
use chancery_outbound::Upstreams;
use chancery_registry::{Resource, Tenant, UpstreamLimits};
use chancery_tokens::VerifiedToken;
use http::response::Parts;
use http::{HeaderMap, Method};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use crowd::{Crowd, Place};
pub use flow::Flow;
use network::Network;
pub use network::client;
use stdio::{Children, Yard};

use crate::refusal::Refusal;

/// A request on its way out, whose headers are what the upstream may see.
pub struct Outgoing {
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The replica that its session is on.
    pub replica: Option<Arc<str>>,
    /// Whose it is.
    pub token: Arc<VerifiedToken>,
}

/// What came back.
pub struct Answered {
    pub head: Parts,
    pub body: Flow,
    /// Who answered, where a session must come back there.
    pub replica: Option<Arc<str>>,
}

/// How an upstream is, for whoever looks after the node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    pub resource: String,
    pub address: String,
    /// Why it is not asked for now; nothing where it is.
    pub resting: Option<String>,
}

/// All of a node. They are looked up by resource at every request.
pub struct Backends {
    out: Upstreams,
    yard: Yard,
    held: RwLock<HashMap<ResourceId, Arc<Backend>>>,
}

/// What stands behind one resource, at one version of its tenant.
pub struct Backend {
    resource: Arc<Resource>,
    version: i64,
    inner: Arc<Made>,
}

/// Made by whoever asks first, once, and outside of the lock on all.
type Made = LazyLock<Inner, Box<dyn FnOnce() -> Inner + Send>>;

struct Inner {
    way: Way,
    limits: UpstreamLimits,
    crowd: Arc<Crowd>,
}

enum Way {
    Network(Box<Network>),
    Children(Children),
    /// Why it can not be asked.
    Unusable(String),
}

impl Backends {
    /// `allowed` are the commands that this node runs.
    pub fn new(out: Upstreams, allowed: Vec<String>, (clock, rng): (Arc<dyn Clock>, Arc<dyn Rng>)) -> Self {
        let yard = Yard { allowed: allowed.into(), clock, rng, running: TaskTracker::new(), end: CancellationToken::new() };
        Self { out, yard, held: RwLock::default() }
    }

    /// What stands behind this resource: the same for all who ask.
    ///
    /// # Errors
    /// When another upstream has taken its place in a later version of the tenant, which whoever asks has not seen yet.
    pub fn of(&self, version: i64, resource: &Arc<Resource>) -> Result<Arc<Backend>, Refusal> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).get(&resource.id).cloned();
        if let Some(held) = held.filter(|held| Arc::ptr_eq(&held.resource, resource)) {
            return Ok(held);
        }
        let mut all = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let inner = match all.get(&resource.id) {
            Some(held) if held.resource.upstream == resource.upstream => held.inner.clone(),
            Some(held) if held.version > version => return Err(Refusal::upstream_replaced()),
            _ => Arc::new(self.made(resource.clone())),
        };
        let backend = Arc::new(Backend { resource: resource.clone(), version, inner });
        let before = match all.get(&resource.id) {
            Some(held) if held.version > version => None,
            _ => all.insert(resource.id, backend.clone()),
        };
        drop(all);
        drop(before); // which may end its children
        Ok(backend)
    }

    /// Forgets what stands behind its resource no longer, whether or not something else does, and children that nobody asks.
    pub fn prune(&self, registered: impl FnOnce() -> Vec<Arc<Tenant>>) {
        let mut all = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let tenants = registered(); // read under the lock, so not of before what was made last
        let now = |held: &Backend| tenants.iter().find_map(|tenant| tenant.resource(&held.resource.id));
        let stands = |held: &Backend| now(held).is_some_and(|now| now.upstream == held.resource.upstream);
        let gone: Vec<_> = all.extract_if(|_, held| !stands(held)).collect();
        let left: Vec<_> = all.values().cloned().collect();
        drop(all);
        drop(gone); // which ends their children
        for backend in left {
            // Outside of the lock: it may have to be made, or a child be busy.
            if let Way::Children(children) = &backend.inner.way {
                children.reap();
            }
        }
    }

    /// Ends all children, and waits until they have left.
    pub async fn end(&self) {
        self.yard.end.cancel();
        self.yard.running.close();
        self.yard.running.wait().await;
    }

    /// How those are that were asked so far.
    pub fn health(&self) -> Vec<Health> {
        let now = self.yard.clock.now();
        let held: Vec<_> = self.held.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let mut all = Vec::new();
        for backend in held {
            let resource = backend.resource.url.as_str();
            match &backend.inner.way {
                Way::Network(network) => all.extend(network.health(resource, now)),
                Way::Children(children) => all.push(children.health(resource, now)),
                Way::Unusable(why) => {
                    let address = backend.resource.upstream.as_ref().map(|upstream| upstream.url.clone()).unwrap_or_default();
                    all.push(Health { resource: resource.to_owned(), address, resting: Some(why.clone()) });
                }
            }
        }
        all
    }

    fn made(&self, resource: Arc<Resource>) -> Made {
        let (out, yard) = (self.out.clone(), self.yard.clone());
        LazyLock::new(Box::new(move || Inner::new(&resource, &out, yard)))
    }
}

impl Inner {
    fn new(resource: &Arc<Resource>, out: &Upstreams, yard: Yard) -> Self {
        let (way, limits) = match &resource.upstream {
            None => (Way::Unusable("nothing stands behind this resource".to_owned()), UpstreamLimits::default()),
            Some(upstream) => {
                let made = match &upstream.stdio {
                    Some(_) => Children::new(resource, yard).map(Way::Children),
                    None => Network::new(upstream, out, yard.clock).map(|network| Way::Network(Box::new(network))),
                };
                let unusable = |why: String| {
                    tracing::error!(resource = %resource.url, why, "an upstream cannot be used");
                    Way::Unusable(why)
                };
                (made.unwrap_or_else(unusable), upstream.limits.clone())
            }
        };
        Self { way, limits, crowd: Arc::default() }
    }
}

impl Backend {
    pub fn limits(&self) -> &UpstreamLimits {
        &self.inner.limits
    }

    /// Room for one more request of this caller's, held until its answer has ended.
    pub fn enter(&self, caller: &Caller) -> Result<Place, Refusal> {
        let Inner { crowd, limits, .. } = &**self.inner;
        crowd.enter((&caller.subject, limits.per_subject), (caller.client.as_str(), limits.per_client))
    }

    /// Asks, and answers as soon as the answer begins.
    pub async fn ask(&self, outgoing: Outgoing) -> Result<Answered, Refusal> {
        match &self.inner.way {
            Way::Network(network) => network.ask(self.resource.url.as_str(), outgoing).await,
            Way::Children(children) => children.ask(outgoing).await,
            Way::Unusable(_) => Err(Refusal::upstream_unreachable()),
        }
    }
}

//! The composition root: the one place that names concrete types and hands each room what it works with. It decides nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use chancery_audit::Rates;
use chancery_core::{Pages, SignIn};
use chancery_federation::Federation;
use chancery_gateway::Gateway;
use chancery_issuer::{AuthorizationServer, Logouts, OwnCredentials};
use chancery_outbound::{Dialer, Documents, Fetcher, Upstreams};
use chancery_registry::IssuerKeys;
use chancery_tokens::Verifier;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::socket::Socket;
use crate::exit::{Exit, Failure};
use crate::follower::Hearers;
use crate::ground::{Footing, Ground};
use crate::hosts::Hosts;
use crate::listener::{self, Proxies};
use crate::readiness::Readiness;
use crate::schedule::{self, Housekeeping};
use crate::stop::Stop;
use crate::telemetry::{Telemetry, Totals};

/// How much longer than a drain a node waits for identity providers. Whoever stops it waits five seconds longer (docs/operations.md).
const AFTERWARDS: Duration = Duration::from_secs(3);

/// What one node is told about its place.
pub struct NodeConfig {
    pub footing: Footing,
    /// The admin socket; none where whoever started the node administers it in the same process.
    pub socket: Option<PathBuf>,
    /// By which it makes every connection of its own.
    pub dialer: Dialer,
    /// The commands that it may run as upstreams.
    pub commands: Vec<String>,
    /// How many bytes of large messages it holds at once.
    pub large_messages: usize,
    /// Whose word on where a request came from is taken.
    pub proxies: Proxies,
    /// Further names that it is called by.
    pub hosts: Vec<String>,
    pub telemetry: Telemetry,
}

/// A node: ground, endpoints, and the tasks beside them.
pub struct Node {
    ground: Ground,
    socket: Option<Socket>,
    endpoints: Endpoints,
    documents: Documents,
    proxies: Proxies,
    hosts: Hosts,
    telemetry: Telemetry,
    /// Where metrics are read.
    metrics: Option<(TcpListener, Router)>,
    applied: watch::Sender<i64>,
    readiness: Readiness,
    /// Thrown as the node is told to stop.
    draining: CancellationToken,
}

/// The way out, by job.
struct Out {
    fetcher: Fetcher,
    documents: Documents,
    upstreams: Upstreams,
    commands: Vec<String>,
    large_messages: usize,
}

/// What the listener serves, and the part of it that has something to finish when it ends.
struct Endpoints {
    router: Router,
    gateway: Gateway,
    sign_in: Arc<dyn SignIn>,
    logouts: Logouts,
    /// What goes on though nobody waits for it any more: an identity provider was asked, and what it says must be written.
    unfinished: TaskTracker,
}

impl Node {
    /// Opens everything and wires the endpoints. Nothing is answered yet.
    ///
    /// # Errors
    /// What cannot be used, and what to do about it.
    pub async fn open<P: Pages>(config: NodeConfig, pages: P) -> Result<Self, Failure> {
        let ground = config.footing.open().await?;
        let socket = match &config.socket {
            Some(path) => Some(Socket::bind(path).await?),
            None => None,
        };
        let fetcher = Fetcher::new(&config.dialer);
        ground.registry.go_out_by(fetcher.clone());
        let documents = Documents::new(fetcher.clone());
        let NodeConfig { commands, large_messages, .. } = config;
        let out = Out { fetcher, documents: documents.clone(), upstreams: Upstreams::new(&config.dialer), commands, large_messages };
        let endpoints = Endpoints::wire(&ground, out, Arc::new(pages));
        let (telemetry, applied) = (config.telemetry, watch::Sender::new(0));
        let draining = CancellationToken::new();
        let readiness = Readiness::new(ground.ended.followed().clone(), endpoints.gateway.clone(), draining.clone());
        let hosts = Hosts::new(ground.registry.clone(), ground.counters.clone(), config.hosts);
        let (counters, journal) = (ground.counters.clone(), ground.journal.clone());
        let totals = Totals { counters, journal, applied: applied.subscribe(), readiness: readiness.clone() };
        let metrics = match telemetry.page(totals) {
            Some((address, page)) => Some((listener::bind(address).await?, page.merge(readiness.naming().router()))),
            None => None,
        };
        Ok(Self { ground, socket, endpoints, documents, proxies: config.proxies, hosts, telemetry, metrics, applied, readiness, draining })
    }

    pub const fn ground(&self) -> &Ground {
        &self.ground
    }

    /// The cache of fetched documents: what is looked up before the first sign-in need not be fetched by it.
    pub const fn documents(&self) -> &Documents {
        &self.documents
    }

    pub const fn gateway(&self) -> &Gateway {
        &self.endpoints.gateway
    }

    pub const fn sign_in(&self) -> &Arc<dyn SignIn> {
        &self.endpoints.sign_in
    }

    pub const fn logouts(&self) -> &Logouts {
        &self.endpoints.logouts
    }

    /// Serves these routes too: the demo's own servers.
    pub fn beside(mut self, routes: Router) -> Self {
        self.endpoints.router = self.endpoints.router.merge(routes);
        self
    }

    /// The highest number of the change feed that this node has followed.
    pub fn applied(&self) -> watch::Receiver<i64> {
        self.applied.subscribe()
    }

    /// Serves until told to stop; then drains, writes what is still to be written, and closes the store.
    pub async fn run(self, listener: TcpListener, stop: Stop) -> Exit {
        let Self {
            ground,
            socket,
            endpoints: Endpoints { router, gateway, sign_in, logouts, unfinished },
            proxies,
            hosts,
            applied,
            telemetry,
            metrics,
            readiness,
            draining: told,
            ..
        } = self;
        let router = telemetry.watching(hosts.only(router).merge(readiness.clone().router()));
        let (administration, store, end) = (ground.administration(), ground.store.clone(), stop.end.clone());
        let Ground { registry, keyring, ended, follower, clock, journal, counters, .. } = ground;
        let hearers = Hearers { registry, keyring, ended: ended.clone(), store: store.clone(), clock: clock.clone(), applied };
        let house = Housekeeping { store: store.uncounted(), journal, counters, gateway: gateway.clone(), sign_in, ended, clock };

        let (drain, leaving, last_words, patience) = (stop.drain.clone(), gateway.clone(), stop.last_words(), stop.patience);
        let over = tokio::spawn(async move {
            drain.cancelled().await;
            told.cancel();
            leaving.drain();
            tokio::time::sleep(last_words).await;
            leaving.finish();
            tokio::time::sleep(patience.saturating_sub(last_words) + AFTERWARDS).await;
        });
        let (served, mut beside) = (CancellationToken::new(), JoinSet::new());
        beside.spawn(hearers.follow(follower, served.clone()));
        beside.spawn(house.keep(served.clone()));
        beside.spawn(schedule::tell(logouts, served.clone()));
        let read = metrics.map(|(listener, page)| tokio::spawn(listener::serve(listener, page, Proxies::default(), stop.clone())));
        let asked = socket.map(|socket| tokio::spawn(socket.serve(administration, readiness, stop.drain.clone())));
        let serving = async {
            let drained = listener::serve(listener, router, proxies, stop.clone()).await;
            gateway.close().await;
            gateway.settled().await;
            settled(&unfinished, over).await;
            served.cancel();
            drained
        };
        let finished = async {
            let (drained, sound) = tokio::join!(serving, keep_sound(&mut beside, &served, &stop));
            if let Some(asked) = asked {
                let _ = asked.await;
            }
            if let Some(read) = read {
                let _ = read.await;
            }
            telemetry.finish().await;
            store.close().await;
            if sound { drained.exit() } else { Exit::Failed }
        };
        tokio::select! {
            exit = finished => exit,
            () = end.cancelled() => Exit::CutShort,
        }
    }
}

/// What an identity provider is being asked is brought to its end, and what it says is written: a refresh token that replaces another is said
/// once. Not for ever, though.
async fn settled(unfinished: &TaskTracker, over: impl Future) {
    unfinished.close();
    if unfinished.is_empty() {
        return;
    }
    tracing::info!(asked = unfinished.len(), "waiting for identity providers that are being asked");
    tokio::select! {
        () = unfinished.wait() => {}
        _ = over => tracing::warn!(left = unfinished.len(), "identity providers did not answer in time; what they say will not be heard"),
    }
}

/// What runs beside the listener runs as long as it does. A node that no longer heard of what was ended would go on and be wrong, so it
/// stops instead.
async fn keep_sound(beside: &mut JoinSet<()>, served: &CancellationToken, stop: &Stop) -> bool {
    let first = beside.join_next().await;
    let sound = served.is_cancelled();
    if !sound {
        tracing::error!(?first, "a task that this node cannot do without has ended: the node stops");
        stop.drain.cancel();
    }
    while beside.join_next().await.is_some() {}
    sound
}

impl Endpoints {
    fn wire<P: Pages>(ground: &Ground, out: Out, pages: Arc<P>) -> Self {
        let Ground { store, sealer, keyring, signer, ended, journal, counters, registry, clock, rng, .. } = ground;
        let (issuer_keys, unfinished) = (IssuerKeys::new(out.documents.clone()), TaskTracker::new());
        let federation = Federation::new(chancery_federation::Parts {
            registry: registry.clone(),
            store: store.clone(),
            journal: journal.clone(),
            counters: counters.clone(),
            witnessed: Rates::new(clock.clone()),
            sealer: sealer.clone(),
            fetcher: out.fetcher.clone(),
            documents: out.documents,
            pages: pages.clone(),
            unfinished: unfinished.clone(),
            clock: clock.clone(),
            rng: rng.clone(),
        });
        let sign_in: Arc<dyn SignIn> = Arc::new(federation.clone());
        let verifier = Verifier::new(keyring.clone(), ended.clone());
        let issuer = AuthorizationServer::new(chancery_issuer::Parts {
            registry: registry.clone(),
            keyring: keyring.clone(),
            signer: signer.clone(),
            verifier: verifier.clone(),
            journal: journal.clone(),
            store: store.clone(),
            counters: counters.clone(),
            issuer_keys,
            sign_in: sign_in.clone(),
            pages,
            unfinished: unfinished.clone(),
            clock: clock.clone(),
            rng: rng.clone(),
        });
        let logouts = Logouts {
            registry: registry.clone(),
            signer: signer.clone(),
            journal: journal.clone(),
            store: store.uncounted(),
            fetcher: out.fetcher,
            clock: clock.clone(),
            rng: rng.clone(),
        };
        let own_credentials = OwnCredentials::new(registry.clone(), signer.clone(), journal.clone(), clock.clone(), rng.clone());
        let gateway = Gateway::new(chancery_gateway::Parts {
            registry: registry.clone(),
            keyring: keyring.clone(),
            verifier: verifier.clone(),
            journal: journal.clone(),
            counters: counters.clone(),
            credentials: Arc::new(own_credentials),
            upstreams: out.upstreams,
            commands: out.commands,
            large_messages: out.large_messages,
            clock: clock.clone(),
            rng: rng.clone(),
        });
        let administered = chancery_console::api::router(chancery_console::api::Parts {
            registry: registry.clone(),
            verifier,
            journal: journal.clone(),
            counters: counters.clone(),
            administer: Arc::new(ground.administration()),
            clock: clock.clone(),
            rng: rng.clone(),
        });
        let router = issuer.router().merge(federation.router()).merge(administered).merge(gateway.router());
        Self { router, gateway, sign_in, logouts, unfinished }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_node_that_lost_a_task_stops() {
        let (served, stop) = (CancellationToken::new(), Stop::new());
        let mut beside = JoinSet::new();
        beside.spawn(async { panic!("as a bug would") });
        assert!(!keep_sound(&mut beside, &served, &stop).await);
        assert!(stop.drain.is_cancelled());
    }

    #[tokio::test]
    async fn a_provider_that_does_not_answer_holds_no_node_that_stops_for_ever() {
        let unfinished = TaskTracker::new();
        let asking = unfinished.spawn(std::future::pending::<()>());
        settled(&unfinished, async {}).await;
        asking.abort();
    }
}

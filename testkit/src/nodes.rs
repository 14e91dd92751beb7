//! Building a site: database, key file, what lies behind the gateway, nodes, and the balancer where there are several.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chancery::admin::Administration;
use chancery::ground::Footing;
use chancery::listener::Proxies;
use chancery::stop::Stop;
use chancery::telemetry::Telemetry;
use chancery::wire::{Node, NodeConfig};
use chancery_console::Console;
use chancery_core::Clock;
use chancery_crypto::seal::Sealer;
use chancery_outbound::{Dialer, Reach, Settings};
use chancery_registry::config::{FeedConfig, WhenLost};
use chancery_store::{Store, StoreUrl};
use ipnet::IpNet;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use crate::behind::Behind;
use crate::chores::Chores;
use crate::folder::Folder;
use crate::postgres::Database;
use crate::relay::Relay;
use crate::{HandClock, IdentityProvider, SeededRng, balancer, cast};

/// Which database a site keeps its rows in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// What a site is to be.
pub(crate) struct Setting {
    pub kind: Kind,
    pub nodes: usize,
    pub feed: FeedConfig,
    /// Whether the last node's way to the database is in the test's hands.
    pub relayed: bool,
}

impl Setting {
    /// A machine that is busy with other tests may stop a node for seconds.
    pub const fn of(kind: Kind, nodes: usize) -> Self {
        let feed = FeedConfig { lost_after: Duration::from_secs(60), then: WhenLost::Refuse };
        Self { kind, nodes, feed, relayed: false }
    }
}

/// What a running site is made of.
pub(crate) struct Nodes {
    pub base: String,
    pub administration: Administration,
    pub store: Store,
    pub sealer: Sealer,
    pub chores: Vec<Chores>,
    pub applied: Vec<watch::Receiver<i64>>,
    /// Where each is reached by itself.
    pub addresses: Vec<String>,
    /// On the last one's way to the database.
    pub relay: Option<Relay>,
    pub file: Value,
    pub provider: IdentityProvider,
    /// Another company's, and its issuer.
    pub other: (IdentityProvider, String),
    pub stop: Stop,
    pub standing_on: StandingOn,
}

/// What is removed with the site.
pub(crate) struct StandingOn {
    _folder: Folder,
    pub database: Option<Database>,
}

impl Nodes {
    /// Starts them, with nothing applied yet. None where there is no PostgreSQL and that is allowed.
    pub async fn start(Setting { kind, nodes: count, feed, relayed }: Setting, clock: Arc<HandClock>) -> Option<Self> {
        let folder = Folder::new();
        let (url, database) = match kind {
            Kind::Sqlite => (StoreUrl::sqlite(folder.path().join("chancery.db")), None),
            Kind::Postgres => {
                let fresh = tokio::task::spawn_blocking(Database::fresh).await.expect("a database, or the panic that says why not")?;
                (fresh.url().parse().expect("the address of a test's database"), Some(fresh))
            }
        };
        let (front, base) = listen().await;
        let behind = Behind::start(&base, clock.clone()).await;
        let stop = Stop::new();

        let mut nodes = Vec::new();
        let mut relay = None;
        for at in 1..=count {
            let mut way = url.clone();
            if relayed && at == count {
                let (made, by_way) = Relay::to_database(&database.as_ref().expect("only a database on a server is far away").url()).await;
                way = by_way.parse().expect("the address of a test's database");
                relay = Some(made);
            }
            nodes.push(open(&way, folder.path(), clock.clone(), feed).await);
        }
        let (administration, store) = (nodes[0].ground().administration(), nodes[0].ground().store.clone());
        let sealer = nodes[0].ground().sealer.clone();
        let chores = nodes.iter().map(Chores::of).collect();
        let applied = nodes.iter().map(Node::applied).collect();
        let addresses = run(nodes, front, &stop, relayed).await;
        let file = cast::file(&base, &behind);
        let standing_on = StandingOn { _folder: folder, database };
        Some(Self {
            base,
            administration,
            store,
            sealer,
            chores,
            applied,
            addresses,
            relay,
            file,
            provider: behind.provider,
            other: (behind.other, behind.other_provider),
            stop,
            standing_on,
        })
    }
}

async fn open(url: &StoreUrl, folder: &Path, clock: Arc<dyn Clock>, feed: FeedConfig) -> Node {
    let config = NodeConfig {
        footing: Footing { clock, feed, ..Footing::here(url.clone(), folder.join("chancery.key")) },
        socket: None,
        dialer: dialer(),
        commands: crate::cast::COMMANDS.map(str::to_owned).to_vec(),
        large_messages: 256 * 1024 * 1024,
        proxies: Proxies::new(&[IpNet::from(IpAddr::from([127, 0, 0, 1]))]),
        hosts: vec![crate::cast::INNER_HOST.to_owned()],
        telemetry: Telemetry::default(),
    };
    Node::open(config, Console).await.unwrap_or_else(|failure| panic!("{failure}"))
}

/// A single node takes the front door itself; several stand behind a balancer.
/// Where one is relayed, the balancer knows the others alone. Gives where each is reached.
async fn run(mut nodes: Vec<Node>, front: TcpListener, stop: &Stop, relayed: bool) -> Vec<String> {
    if nodes.len() == 1
        && let Some(node) = nodes.pop()
    {
        let address = format!("http://{}", front.local_addr().expect("it is bound"));
        tokio::spawn(node.run(front, stop.clone()));
        return vec![address];
    }
    let (mut sockets, mut addresses) = (Vec::new(), Vec::new());
    for node in nodes {
        let (listener, address) = listen().await;
        sockets.push(listener.local_addr().expect("it is bound"));
        addresses.push(address);
        tokio::spawn(node.run(listener, stop.clone()));
    }
    if relayed {
        sockets.pop();
    }
    balancer::start(front, sockets, Arc::new(SeededRng::new(1)));
    addresses
}

/// No test reaches past loopback.
pub(crate) fn dialer() -> Dialer {
    let settings = Settings { extra_ca_files: vec![crate::web::AUTHORITY.into()], ..Settings::of(Reach::LoopbackOnly) };
    Dialer::new(&settings).expect("the authority is a file of this repository")
}

/// A port of loopback that nobody else has, and its base URL.
///
/// # Panics
/// When loopback has none left.
pub async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("loopback has a free port");
    let base = format!("http://{}", listener.local_addr().expect("it is bound"));
    (listener, base)
}

/// A base where nobody listens while the socket is held: it has the port, so that nobody else is given it meanwhile.
///
/// # Panics
/// When loopback has none left.
pub fn nobody() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("loopback has a free port");
    let base = format!("http://{}", socket.local_addr().expect("it is bound"));
    (socket, base)
}

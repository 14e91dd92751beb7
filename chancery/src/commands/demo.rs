//! `chancery demo`: one process on loopback that does the main job before the reader's eyes, and then stays up to be tried.
//!
//! 1. open the data folder, apply the demo's own file; 2. serve it, with an identity provider and two MCP servers below `/demo`;
//! 3. make the journey, telling each step; 4. show the token and what the audit log kept; 5. say how to connect a client, and stay.

mod story;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chancery_core::EventId;
use chancery_crypto::random::SystemRng;
use chancery_demo::journey::{self, Arrived};
use chancery_demo::{Person, StandIn};
use chancery_outbound::{Dialer, Reach, Settings, Upstreams};
use chancery_registry::config::ServerConfig;
use chancery_store::StoreUrl;

use crate::admin::message::{Files, SentSecret, Tail};
use crate::admin::{Administration, Administrator};
use crate::exit::{Exit, Failure};
use crate::ground::Footing;
use crate::listener::{self, Proxies};
use crate::logs;
use crate::stop::Stop;
use crate::telemetry::Telemetry;
use crate::wire::{Node, NodeConfig};
use story::{Place, Story};

/// Nobody who tries a demo waits for streams that have no end.
const PATIENCE: Duration = Duration::from_secs(1);
/// More events than a journey leaves.
const MOST_EVENTS: u32 = 200;

/// Its address would have no port in it.
const PORT_OF_HTTP: u16 = 80;

const DATA_OF_ANOTHER_PORT: &str = "start the demo on the port that its data was made on, or name another folder with --data";

#[derive(clap::Args)]
pub struct Args {
    /// The port of 127.0.0.1 to listen on
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Make the journey and end: with 0 if it succeeded, else with 1
    #[arg(long)]
    once: bool,
    /// Print one JSON object a step
    #[arg(long)]
    json: bool,
    /// Sign in and consent as alice (or bob) without asking, so that a script gets through by following redirects
    #[arg(long = "as", value_name = "PERSON")]
    acting: Option<Person>,
    /// Where to keep its data [default: chancery-demo-data/port-PORT]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    logs::start(logs::Format::Text, Some("warn"));
    let stop = Stop::new().with_patience(PATIENCE).on_signals()?;
    if args.port == PORT_OF_HTTP {
        return Err(Failure::new(Exit::Usage, "the demo cannot be on port 80")
            .because("that is the default port of http, so clients leave it out of the address, which they compare as a string")
            .remedy("choose another port: chancery demo --port 8081"));
    }
    let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let listener = listener::bind(asked).await.map_err(|failure| failure.remedy("choose another port: chancery demo --port 8081"))?;
    let address = listener.local_addr().map_err(|error| Failure::new(Exit::Address, "the port is lost").because(error))?;
    let place = Place::new(format!("http://{address}"), args.data.clone().unwrap_or_else(|| default_folder(address)));

    let dialer = Dialer::new(&Settings::of(Reach::LoopbackOnly));
    let dialer = dialer.map_err(|error| Failure::new(Exit::Failed, "no connection can be made").because(error))?;
    let Some(node) = stop.drain.run_until_cancelled(furnished(&place, args.acting, &dialer)).await else {
        return Ok(Exit::Done); // there is nothing to drain yet
    };
    let node = node?;
    let administration = node.ground().administration();
    let seen = newest_event(&administration).await?;
    let gateway = node.gateway().clone();
    let serving = tokio::spawn(node.run(listener, stop.clone()));

    let mut story = Story::new(args.json);
    story.begin(&place)?;
    let parts = journey::Parts {
        server: place.bank.clone(),
        person: args.acting.unwrap_or(Person::Alice),
        upstreams: Upstreams::new(&dialer),
        rng: Arc::new(SystemRng),
    };
    let arrived = stop.drain.run_until_cancelled(journey::run(&parts, &mut story)).await;
    gateway.settled().await;
    let told = match arrived {
        Some(arrived) => tell(&mut story, arrived, &administration, seen).await,
        None => Err(Failure::new(Exit::Failed, "the journey did not arrive").because("a signal stopped it")),
    };
    // A drain may cut the journey's own requests off, too: whoever stops a demo has seen nothing fail.
    let told = told.or_else(|failure| if stop.drain.is_cancelled() && !args.once { Ok(()) } else { Err(failure) });
    if args.once || told.is_err() || stop.drain.is_cancelled() {
        stop.drain.cancel();
    } else {
        story.stay(&place)?;
    }
    match serving.await {
        Ok(Exit::Done) => told.map(|()| Exit::Done),
        Ok(exit) => Ok(exit),
        Err(error) => Err(Failure::new(Exit::Failed, "the server broke off").because(error)),
    }
}

/// Data is kept by port: a tenant's base URL never changes, and the port is part of it.
fn default_folder(address: SocketAddr) -> PathBuf {
    PathBuf::from(format!("chancery-demo-data/port-{}", address.port()))
}

/// A node with the demo's tenant, and the demo's own servers beside it.
async fn furnished(place: &Place, acting: Option<Person>, dialer: &Dialer) -> Result<Node, Failure> {
    let footing = Footing::here(StoreUrl::sqlite(place.folder.join("chancery.db")), place.folder.join("chancery.key"));
    let config = NodeConfig {
        footing,
        socket: Some(place.socket.clone()),
        dialer: dialer.clone(),
        commands: Vec::new(),
        large_messages: ServerConfig::default().large_messages,
        proxies: Proxies::default(),
        hosts: Vec::new(),
        telemetry: Telemetry::default(),
    };
    let node = Node::open(config, StandIn::new(acting.is_some())).await?;
    let ground = node.ground();
    let files = Files {
        files: vec![("the demo's file".to_owned(), chancery_demo::configuration(&place.base))],
        secrets: [(chancery_demo::SECRET_REF.to_owned(), SentSecret(chancery_demo::client_secret()))].into(),
    };
    let applied = ground.administration().apply(&files, &Administrator::at_start()).await;
    applied.map_err(|failure| failure.remedy(DATA_OF_ANOTHER_PORT))?;
    let servers = chancery_demo::router(chancery_demo::Parts {
        base: place.base.clone(),
        acting,
        documents: node.documents().clone(),
        clock: ground.clock.clone(),
        rng: ground.rng.clone(),
    });
    let servers = servers.map_err(|error| Failure::new(Exit::Address, "the demo cannot be served here").because(error))?;
    Ok(node.beside(servers))
}

async fn newest_event(administration: &Administration) -> Result<Option<EventId>, Failure> {
    let newest = Tail { tenant: chancery_demo::tenant().to_string(), after: None, limit: 1, follow: false };
    Ok(administration.tail(&newest).await?.last().map(|entry| entry.id))
}

/// What the journey brought, and what it left in the log; or where it ended instead.
async fn tell(
    story: &mut Story,
    arrived: Result<Arrived, journey::JourneyError>,
    administration: &Administration,
    after: Option<EventId>,
) -> Result<(), Failure> {
    let arrived = arrived.map_err(|error| Failure::new(Exit::Failed, "the journey did not arrive").because(error))?;
    story.arrive(&arrived)?;
    let left = Tail { tenant: chancery_demo::tenant().to_string(), after, limit: MOST_EVENTS, follow: false };
    story.log(&administration.tail(&left).await?)
}

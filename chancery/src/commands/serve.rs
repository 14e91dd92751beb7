//! `chancery serve`: a server from a configuration file, until a signal.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chancery_console::Console;
use chancery_outbound::{Dialer, Fetcher, Reach, Settings};
use chancery_registry::Tenant;
use chancery_registry::config::ServerConfig;
use tokio::net::TcpListener;

use super::server::ConfigArgs;
use crate::admin::Administrator;
use crate::exit::{Exit, Failure};
use crate::files::Read;
use crate::ground::Footing;
use crate::listener::{self, Proxies};
use crate::providers::Look;
use crate::stop::Stop;
use crate::telemetry::Telemetry;
use crate::wire::{Node, NodeConfig};
use crate::{logs, open_files, print};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// End with code 6 where an identity provider cannot be reached, instead of only warning
    #[arg(long)]
    require_providers: bool,
    /// How the log on standard error is written; CHANCERY_LOG says what is in it, such as `debug`
    #[arg(long, value_enum, default_value_t = logs::Format::Text)]
    log: logs::Format,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    logs::start(args.log, None);
    open_files::raise();
    let stop = Stop::new().on_signals()?;
    let Some(opened) = stop.drain.run_until_cancelled(open(&args)).await else {
        return Ok(Exit::Done); // there is nothing to drain yet
    };
    let (node, listener, drain) = opened?;
    Ok(node.run(listener, stop.with_patience(drain)).await)
}

/// All that comes before the first connection is accepted. It may wait long, for another node's migrations or for a provider.
async fn open(args: &Args) -> Result<(Node, TcpListener, Duration), Failure> {
    let read = args.config.read()?;
    let server = &read.config.server;
    let listener = listener::bind(server.listen).await?;
    let node = Node::open(node_config(args, &read)?, Console).await?;
    apply_own_file(&node, &read).await?;
    look_at_providers(&node, args.require_providers).await?;
    announce(&node, server, args.config.socket(&read))?;
    Ok((node, listener, server.drain))
}

fn node_config(args: &Args, read: &Read) -> Result<NodeConfig, Failure> {
    let server = &read.config.server;
    let way_out = Settings { reach: Reach::Anywhere, extra_ca_files: server.trust.clone(), proxy: server.proxy.clone() };
    let dialer = Dialer::new(&way_out).map_err(|error| {
        let remedy = "name PEM files with the certificates of your authorities in `server.trust`";
        Failure::new(Exit::File, "no connection can be made").because(error).remedy(remedy)
    })?;
    Ok(NodeConfig {
        footing: Footing::of_server(&read.config.server),
        socket: Some(args.config.socket(read).to_owned()),
        commands: server.stdio.clone(),
        large_messages: server.large_messages,
        telemetry: Telemetry::new(server.metrics, server.traces.as_ref(), Fetcher::new(&dialer))?,
        dialer,
        proxies: Proxies::new(&server.proxies),
        hosts: server.hosts.clone(),
    })
}

/// A single node makes its file the one in force. Nodes of a cluster never do: the last to start would win.
async fn apply_own_file(node: &Node, read: &Read) -> Result<(), Failure> {
    if !read.config.server.apply_at_start {
        return Ok(());
    }
    let applied = node.ground().administration().apply_config(&read.config, &Administrator::at_start()).await?;
    for change in &applied.changes {
        tracing::info!(tenant = %read.config.tenant, version = applied.version, "{change}");
    }
    for (name, id) in &applied.clients {
        tracing::info!(tenant = %read.config.tenant, client = %name, client_id = %id, "client");
    }
    Ok(())
}

/// Callers are refused what this node does not run, so whoever starts it hears of it first.
fn warn_of_programs(tenants: &[Arc<Tenant>], server: &ServerConfig) {
    for resource in tenants.iter().flat_map(|tenant| &tenant.resources) {
        let stdio = resource.upstream.as_ref().and_then(|upstream| upstream.stdio.as_ref());
        if let Some(stdio) = stdio.filter(|stdio| !server.stdio.contains(&stdio.command)) {
            tracing::warn!(resource = %resource.url, command = %stdio.command, "this node does not run this command: name it in `server.stdio`");
        }
    }
}

fn announce(node: &Node, server: &ServerConfig, socket: &Path) -> Result<(), Failure> {
    let tenants = node.ground().registry.tenants();
    if tenants.is_empty() {
        tracing::warn!("there is no tenant yet, so nothing is answered: run `chancery apply` with a file that makes one");
    }
    warn_of_programs(&tenants, server);
    for tenant in &tenants {
        print::line(&format_args!("issuer {}", tenant.issuer))?;
        tenant.resources.iter().try_for_each(|resource| print::line(&format_args!("  {}  {}", resource.url, resource.title)))?;
    }
    print::line(&format_args!("listening on http://{} (store {}, admin socket {})", server.listen, server.store, socket.display()))
}

/// A server that must have its providers waits for them; any other starts meanwhile, and warns.
async fn look_at_providers(node: &Node, required: bool) -> Result<(), Failure> {
    let ground = node.ground();
    let look = Look { tenants: ground.registry.tenants(), documents: node.documents().clone(), now: ground.clock.now() };
    if required {
        return look.failures().await.into_iter().next().map_or(Ok(()), Err);
    }
    tokio::spawn(async move { look.failures().await.iter().for_each(|failure| tracing::warn!("{failure}")) });
    Ok(())
}

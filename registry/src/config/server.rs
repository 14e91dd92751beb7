//! The `server:` block: what concerns this node alone. It never enters the snapshot.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chancery_outbound::{Proxy, ProxyError};
use chancery_store::{StoreError, StoreUrl};
use ipnet::IpNet;

use super::feed::{self, FeedConfig};
use super::objects::up_to;
use super::observed::{self, MetricsConfig, TracesConfig};
use super::problem::Complaint;
use super::reader::{Cursor, Section};
use super::secret::{SecretRef, Secrets, secret};

const MIB: usize = 1024 * 1024;

/// Where this node listens and keeps its things. Relative paths are as they are written.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    pub store: StoreUrl,
    /// The local key provider's file.
    pub key_file: PathBuf,
    /// The administration's Unix socket.
    pub socket: PathBuf,
    /// PEM files with the company's own certificate authorities, believed besides the machine's.
    pub trust: Vec<PathBuf>,
    /// The forward proxy by which https addresses are reached.
    pub proxy: Option<Proxy>,
    /// Proxies in front whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
    /// Further names that this node is called by: a proxy's for it.
    pub hosts: Vec<String>,
    /// The commands that may be run here as upstreams: who may apply a file may not therefore run whatever they like.
    pub stdio: Vec<String>,
    /// Whether `serve` applies the file before it listens: for a single node only.
    pub apply_at_start: bool,
    /// What is done while nothing is heard of other nodes.
    pub feed: FeedConfig,
    /// How long open answers have as this node stops.
    pub drain: Duration,
    /// How many bytes of large messages it holds at once, in all.
    pub large_messages: usize,
    pub metrics: Option<MetricsConfig>,
    pub traces: Option<TracesConfig>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            store: StoreUrl::sqlite("chancery-data/chancery.db"),
            key_file: "chancery-data/chancery.key".into(),
            socket: "chancery-data/chancery.sock".into(),
            trust: Vec::new(),
            proxy: None,
            proxies: Vec::new(),
            hosts: Vec::new(),
            stdio: Vec::new(),
            apply_at_start: true,
            feed: FeedConfig::default(),
            drain: Duration::from_secs(10),
            large_messages: 256 * MIB,
            metrics: None,
            traces: None,
        }
    }
}

pub(super) fn server(section: &mut Section<'_>, secrets: Secrets<'_>) -> Option<ServerConfig> {
    let default = ServerConfig::default();
    let listen = section.optional("listen", "listen: 127.0.0.1:8080", |cursor| cursor.parsed(address));
    let store = section.optional("store", "store: sqlite:./chancery-data/chancery.db", |cursor| store(cursor, secrets));
    let password = section.optional("store_password", "store_password: env:CHANCERY_DB_PASSWORD", |cursor| secret(cursor, secrets, 0));
    let key_file = section.optional("keys", "keys: { file: ./chancery-data/chancery.key }", |cursor| cursor.section(key_file));
    let socket = section.optional("socket", "socket: ./chancery-data/chancery.sock", |cursor| cursor.text().map(PathBuf::from));
    let trust = section.optional("trust", "trust: [ ./company-ca.pem ]", files);
    let proxy = proxy(section, secrets);
    let proxies = section.optional("proxies", "proxies: [ 10.0.0.0/8 ]", networks);
    let hosts = section.optional("hosts", "hosts: [ gateway.internal ]", hosts);
    let stdio = section.optional("stdio", "stdio: [ /usr/bin/npx ]", texts);
    let single = !matches!(&store, Some(Some(shared)) if shared.path().is_none());
    let apply_at_start = section.optional("apply_at_start", "apply_at_start: true", |cursor| apply_at_start(cursor, single));
    let feed = section.optional("feed", "feed: { lost_after: 5s, then: refuse }", |cursor| cursor.section(feed::feed));
    let drain = section.optional("drain", "drain: 10s", |cursor| cursor.parsed(drain));
    let large_messages = section.optional("large_messages", "large_messages: 256MiB", |cursor| cursor.parsed(large_messages));
    let metrics = section.optional("metrics", "metrics: { listen: 127.0.0.1:9464 }", |cursor| cursor.section(observed::metrics));
    let traces = section.optional("traces", "traces: { endpoint: http://127.0.0.1:4318/v1/traces }", |cursor| {
        cursor.section(|section| observed::traces(section, secrets))
    });

    Some(ServerConfig {
        listen: listen?.unwrap_or(default.listen),
        store: password?.iter().fold(store?.unwrap_or(default.store), StoreUrl::with_password),
        key_file: key_file?.unwrap_or(default.key_file),
        socket: socket?.unwrap_or(default.socket),
        trust: trust?.unwrap_or(default.trust),
        proxy: proxy?,
        proxies: proxies?.unwrap_or(default.proxies),
        hosts: hosts?.unwrap_or(default.hosts),
        stdio: stdio?.unwrap_or(default.stdio),
        apply_at_start: apply_at_start?.unwrap_or(single),
        feed: feed?.unwrap_or_default(),
        drain: drain?.unwrap_or(default.drain),
        large_messages: large_messages?.unwrap_or(default.large_messages),
        metrics: metrics?,
        traces: traces?,
    })
}

/// `proxy`, its credentials, and who is gone to without it.
fn proxy(section: &mut Section<'_>, secrets: Secrets<'_>) -> Option<Option<Proxy>> {
    let complaint = |error: ProxyError| Complaint::new(error.what, error.remedy);
    let proxy = section
        .optional("proxy", "proxy: http://proxy.corp.example:3128", |cursor| cursor.parsed(|text| Proxy::at(text).map_err(complaint)));
    let credentials = section.optional("proxy_credentials", "proxy_credentials: env:CHANCERY_PROXY", |cursor| secret(cursor, secrets, 0));
    let exceptions = section.optional("no_proxy", "no_proxy: [ corp.example, 10.0.0.0/8 ]", Cursor::list);
    let (Some(mut proxy), credentials, exceptions) = (proxy?, credentials?, exceptions?) else { return Some(None) };
    for exception in exceptions.unwrap_or_default() {
        proxy = exception.parsed(|text| proxy.clone().except(text).map_err(complaint))?;
    }
    Some(Some(proxy.with_credentials(credentials)))
}

pub(super) fn address(text: &str) -> Result<SocketAddr, Complaint> {
    text.parse().map_err(|_| Complaint::new(format!("`{text}` is not an address and port"), "write it like 127.0.0.1:8080 or [::]:8443"))
}

/// The store's address, or where it lies: an address with a password in it is a secret.
fn store(cursor: &Cursor<'_>, secrets: Secrets<'_>) -> Option<StoreUrl> {
    let text = cursor.text()?;
    let hidden = text.parse::<SecretRef>().is_ok().then(|| secret(cursor, secrets, 0));
    match hidden {
        Some(found) => store_url(cursor, found?.expose()),
        None if holds_password(text) => {
            let remedy = "leave it out and write `store_password: env:NAME`, or put the whole address there and write `store: env:NAME`";
            cursor.complain("the store's password may not stand in this file", remedy);
            None
        }
        None => store_url(cursor, text),
    }
}

fn store_url(cursor: &Cursor<'_>, text: &str) -> Option<StoreUrl> {
    let remedy = "write `sqlite:PATH` or `postgres://USER@HOST:PORT/DATABASE`";
    let complaint = |error| match error {
        StoreError::Opening { why, .. } => Complaint::new(format!("the store cannot be here: {why}"), remedy),
        other => Complaint::new(other.to_string(), remedy),
    };
    cursor.parsed(|_| text.parse().map_err(complaint))
}

fn holds_password(text: &str) -> bool {
    let authority = text.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':') || text.contains("password=")
}

/// Its last second is for telling whoever still waits.
fn drain(text: &str) -> Result<Duration, Complaint> {
    let drain = up_to(60 * 60, text)?;
    if drain < Duration::from_secs(2) {
        return Err(Complaint::new(format!("{text} is too short"), "choose between 2s and 1h"));
    }
    Ok(drain)
}

/// Of one person's it holds an eighth, which must be room for the longest.
fn large_messages(text: &str) -> Result<usize, Complaint> {
    let remedy = "choose between 64MiB and 65536MiB";
    let number = text.strip_suffix("MiB").and_then(|number| number.trim_end().parse::<usize>().ok());
    let mebibytes = number.ok_or_else(|| Complaint::new(format!("`{text}` is no size"), "write it like 256MiB"))?;
    if (64..=65_536).contains(&mebibytes) { Ok(mebibytes * MIB) } else { Err(Complaint::new(format!("{text} cannot be it"), remedy)) }
}

fn key_file(section: &mut Section<'_>) -> Option<PathBuf> {
    section.required("file", "file: ./chancery-data/chancery.key", |cursor| cursor.text().map(PathBuf::from))
}

fn files(cursor: &Cursor<'_>) -> Option<Vec<PathBuf>> {
    let files: Vec<_> = cursor.list()?.iter().map(|item| item.text().map(PathBuf::from)).collect();
    files.into_iter().collect()
}

fn texts(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    let texts: Vec<_> = cursor.list()?.iter().map(|item| item.text().map(str::to_owned)).collect();
    texts.into_iter().collect()
}

/// Addresses and networks.
fn networks(cursor: &Cursor<'_>) -> Option<Vec<IpNet>> {
    let read = |text: &str| {
        let alone = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
        let complaint = || Complaint::new(format!("`{text}` is not an address or network"), "write it like 10.0.0.7 or 10.0.0.0/8");
        text.parse().ok().or_else(alone).ok_or_else(complaint)
    };
    let networks: Vec<_> = cursor.list()?.iter().map(|item| item.parsed(read)).collect();
    networks.into_iter().collect()
}

/// Names as a `Host` has them, whatever the port.
fn hosts(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    let read = |text: &str| match url::Host::parse(text) {
        Ok(url::Host::Domain(name)) if !name.contains('*') => Ok(name),
        Ok(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => {
            Err(Complaint::new(format!("`{text}` is an address"), "leave it out: whoever comes by an address is answered anyway"))
        }
        _ => Err(Complaint::new(format!("`{text}` is not a host's name"), "write it without scheme, port and path, like gateway.internal")),
    };
    let hosts: Vec<_> = cursor.list()?.iter().map(|item| item.parsed(read)).collect();
    hosts.into_iter().collect()
}

fn apply_at_start(cursor: &Cursor<'_>, single: bool) -> Option<bool> {
    let apply = cursor.flag()?;
    if apply && !single {
        cursor.complain(
            "nodes that share a database may not apply their files as they start: the last one to start would win",
            "set it to false, and run `chancery apply` once",
        );
        return None;
    }
    Some(apply)
}

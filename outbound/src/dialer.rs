//! The guard. Steps: 1. scheme, host and port; 2. resolve; 3. drop what may not be reached; 4. connect to one of the rest, directly or
//! through the company's [proxy](crate::proxy); 5. look again at whom we are connected to; 6. TLS by name.
//!
//! Filtering happens on addresses, after resolving: a name that points inside, a literal, a decimal or octal host, and a name that
//! changes its mind between two look-ups are all the same case. A name is resolved once for each connection, and nothing but what came
//! of it is connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chancery_crypto::tls::{self, TrustError};
use http::Uri;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::line::Line;
use crate::network::{Machine, Network};
use crate::trust::admits;
use crate::{Proxy, Reach, Trust};

/// How long a connection may take in all, and one address of several.
const CONNECT: Duration = Duration::from_secs(5);
const ONE_ADDRESS: Duration = Duration::from_secs(2);
/// How many addresses of a host are tried: a name may have thousands.
const MOST_ADDRESSES: usize = 8;

/// What an operator says about the way out.
#[derive(Clone, Debug)]
pub struct Settings {
    pub reach: Reach,
    /// PEM files with the company's own certificate authorities, besides those of the system.
    pub extra_ca_files: Vec<PathBuf>,
    /// By which https addresses are reached.
    pub proxy: Option<Proxy>,
}

impl Settings {
    /// With the machine's own authorities, and no proxy.
    pub const fn of(reach: Reach) -> Self {
        Self { reach, extra_ca_files: Vec::new(), proxy: None }
    }
}

/// Why there is no connection. Nothing was sent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DialError {
    #[error("it is not an http or https address with a host")]
    NotAnAddress,
    #[error("an address that a client named must begin with https")]
    Insecure,
    /// Behind the low ports lie services that are nobody's documents.
    #[error("an address that a client named must have port 443, or one from 1024 up; it has {0}")]
    OddPort(u16),
    #[error("the name {host} could not be resolved: {why}")]
    Unresolved { host: String, why: String },
    /// All addresses of the host are ones that may not be reached for whoever named it.
    #[error("{host} lies at no address that may be reached from here")]
    NotAllowed { host: String },
    #[error("no connection to {host}: {why}")]
    Unreachable { host: String, why: String },
    #[error("the proxy {proxy} did not connect us to {host}: {why}")]
    Proxy { proxy: String, host: String, why: String },
    #[error("{host} did not prove its name by TLS: {why}")]
    Tls { host: String, why: String },
    #[error("no connection to {host} within {seconds} seconds")]
    TooSlow { host: String, seconds: u64 },
}

/// Makes every connection that leaves this process.
#[derive(Clone)]
pub struct Dialer {
    reach: Reach,
    proxy: Option<Arc<Proxy>>,
    network: Arc<dyn Network>,
    tls: TlsConnector,
    files: Arc<[PathBuf]>,
    connect: Duration,
}

impl Dialer {
    /// # Errors
    /// [`TrustError`] if a file of certificate authorities cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, TrustError> {
        let authorities = tls::Trust { system: settings.reach == Reach::Anywhere, files: &settings.extra_ca_files };
        let tls = TlsConnector::from(Arc::new(authorities.client()?));
        let proxy = settings.proxy.clone().map(Arc::new);
        let files = settings.extra_ca_files.clone().into();
        Ok(Self { reach: settings.reach, proxy, network: Arc::new(Machine), tls, files, connect: CONNECT })
    }

    /// The same for one server, whose TLS is special and that has its own time for a connection.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn special(&self, special: &tls::Special<'_>, connect: Duration) -> Result<Self, String> {
        let usual = tls::Trust { system: self.reach == Reach::Anywhere, files: &self.files };
        let tls = TlsConnector::from(Arc::new(special.client(&usual)?));
        Ok(Self { tls, connect, ..self.clone() })
    }

    /// The same on another network than the machine's.
    #[must_use]
    pub fn on(mut self, network: Arc<dyn Network>) -> Self {
        self.network = network;
        self
    }

    pub(crate) async fn dial(&self, to: &Uri, trust: Trust) -> Result<Line, DialError> {
        let target = Target::of(to, trust)?;
        let too_slow = || DialError::TooSlow { host: target.host.to_owned(), seconds: self.connect.as_secs() };
        timeout(self.connect, self.connected(&target, trust)).await.map_err(|_| too_slow())?
    }

    async fn connected(&self, target: &Target<'_>, trust: Trust) -> Result<Line, DialError> {
        let proxy = self.proxy.as_deref().filter(|proxy| target.tls && !proxy.passes_by(target.host));
        let stream = match proxy {
            Some(proxy) => self.through(proxy, target, trust).await?,
            None => self.straight(target, trust).await?,
        };
        let _ = stream.set_nodelay(true);

        match target.server_name()? {
            None => Ok(Line::Plain(stream)),
            Some(name) => match self.tls.connect(name, stream).await {
                Ok(stream) => Ok(Line::Tls(Box::new(stream))), // SB-09
                Err(error) => Err(DialError::Tls { host: target.host.to_owned(), why: error.to_string() }),
            },
        }
    }

    async fn straight(&self, target: &Target<'_>, trust: Trust) -> Result<TcpStream, DialError> {
        let mut outcome = Err(DialError::NotAllowed { host: target.host.to_owned() });
        for address in self.admitted(target, trust).await? {
            let stream = match timeout(ONE_ADDRESS, self.network.connect(address)).await {
                Ok(Ok(stream)) => same_peer(stream, address), // CI-04
                Ok(Err(error)) => Err(error),
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
            };
            match stream {
                Ok(stream) => return Ok(stream),
                Err(error) => outcome = Err(DialError::Unreachable { host: target.host.to_owned(), why: error.to_string() }),
            }
        }
        outcome
    }

    /// The proxy is the operator's; where it leads is still ours to check.
    async fn through(&self, proxy: &Proxy, target: &Target<'_>, trust: Trust) -> Result<TcpStream, DialError> {
        let way = Target { host: proxy.host(), port: proxy.port(), tls: false };
        let mut outcome = Err(DialError::NotAllowed { host: target.host.to_owned() });
        for destination in self.destinations(target, trust).await? {
            let stream = self.straight(&way, Trust::Operator).await?;
            match proxy.tunnel(stream, &destination).await {
                Ok(stream) => return Ok(stream),
                Err(why) => outcome = Err(DialError::Proxy { proxy: proxy.host().to_owned(), host: target.host.to_owned(), why }),
            }
        }
        outcome
    }

    /// What to ask the proxy for: a name only where an operator vouches for it and there is nothing to check about its addresses.
    async fn destinations(&self, target: &Target<'_>, trust: Trust) -> Result<Vec<String>, DialError> {
        if trust == Trust::Peer || self.reach == Reach::LoopbackOnly {
            return Ok(self.admitted(target, trust).await?.iter().map(SocketAddr::to_string).collect()); // CI-04
        }
        let brackets = target.host.contains(':');
        Ok(vec![if brackets { format!("[{}]:{}", target.host, target.port) } else { format!("{}:{}", target.host, target.port) }])
    }

    async fn admitted(&self, target: &Target<'_>, trust: Trust) -> Result<Vec<SocketAddr>, DialError> {
        let mut addresses = match target.host.parse::<IpAddr>() {
            Ok(literal) => vec![SocketAddr::new(literal, target.port)],
            Err(_) => {
                let found = self.network.resolve(target.host, target.port).await;
                found.map_err(|error| DialError::Unresolved { host: target.host.to_owned(), why: error.to_string() })?
            }
        };
        addresses.retain(|address| admits(address.ip(), trust, self.reach)); // CI-04
        addresses.truncate(MOST_ADDRESSES);
        Ok(addresses)
    }
}

/// Where a connection should go, in the peer's words.
struct Target<'a> {
    host: &'a str,
    port: u16,
    tls: bool,
}

impl<'a> Target<'a> {
    fn of(uri: &'a Uri, trust: Trust) -> Result<Self, DialError> {
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if trust != Trust::Operator => return Err(DialError::Insecure),
            Some("http") => false,
            _ => return Err(DialError::NotAnAddress),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(DialError::NotAnAddress)?;
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        if trust == Trust::Peer && port != 443 && port < 1024 {
            return Err(DialError::OddPort(port)); // CI-04
        }
        Ok(Self { host, port, tls })
    }

    fn server_name(&self) -> Result<Option<ServerName<'static>>, DialError> {
        if !self.tls {
            return Ok(None);
        }
        ServerName::try_from(self.host.to_owned()).map(Some).map_err(|_| DialError::NotAnAddress)
    }
}

/// Whom we asked for is whom we got: nothing between may have sent us elsewhere after the filter.
fn same_peer(stream: TcpStream, wanted: SocketAddr) -> io::Result<TcpStream> {
    match stream.peer_addr()? {
        peer if peer.ip() == wanted.ip() => Ok(stream),
        peer => Err(io::Error::other(format!("asked for {} and was connected to {}", wanted.ip(), peer.ip()))),
    }
}

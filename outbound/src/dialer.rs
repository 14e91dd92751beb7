//! The guard. Steps: 1. scheme, host and port; 2. resolve; 3. drop what may not be reached; 4. connect to one of the rest; 5. look
//! again at whom we are connected to; 6. TLS by name.
//!
//! Filtering happens on addresses, after resolving: a name that points inside, a literal, a decimal or octal host, and a name that
//! changes its mind between two look-ups are all the same case.

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
use crate::trust::admits;
use crate::{Reach, Trust};

/// How long a connection may take in all, and one address of several.
const CONNECT: Duration = Duration::from_secs(5);
const ONE_ADDRESS: Duration = Duration::from_secs(2);

/// What an operator says about the way out.
#[derive(Clone, Debug)]
pub struct Settings {
    pub reach: Reach,
    /// PEM files with the company's own certificate authorities, besides those of the system.
    pub extra_ca_files: Vec<PathBuf>,
}

/// Why there is no connection. Nothing was sent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DialError {
    #[error("it is not an http or https address with a host")]
    NotAnAddress,
    #[error("an address that a client named must begin with https")]
    Insecure,
    #[error("the name {host} could not be resolved: {why}")]
    Unresolved { host: String, why: String },
    /// All addresses of the host are ones that may not be reached for whoever named it.
    #[error("{host} lies at no address that may be reached from here")]
    NotAllowed { host: String },
    #[error("no connection to {host}: {why}")]
    Unreachable { host: String, why: String },
    #[error("{host} did not prove its name by TLS: {why}")]
    Tls { host: String, why: String },
    #[error("no connection to {host} within 5 seconds")]
    TooSlow { host: String },
}

/// Makes every connection that leaves this process.
#[derive(Clone)]
pub struct Dialer {
    reach: Reach,
    tls: TlsConnector,
}

impl Dialer {
    /// # Errors
    /// [`TrustError`] if a file of certificate authorities cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, TrustError> {
        let authorities = tls::Trust { system: settings.reach == Reach::Anywhere, files: &settings.extra_ca_files };
        Ok(Self { reach: settings.reach, tls: TlsConnector::from(Arc::new(authorities.client()?)) })
    }

    pub(crate) async fn dial(&self, to: &Uri, trust: Trust) -> Result<Line, DialError> {
        let target = Target::of(to, trust)?;
        let too_slow = || DialError::TooSlow { host: target.host.to_owned() };
        timeout(CONNECT, self.connect(&target, trust)).await.map_err(|_| too_slow())?
    }

    async fn connect(&self, target: &Target<'_>, trust: Trust) -> Result<Line, DialError> {
        let mut addresses = target.resolve().await?;
        addresses.retain(|address| admits(address.ip(), trust, self.reach)); // CI-04
        let stream = target.first_that_answers(&addresses).await?;
        let _ = stream.set_nodelay(true);

        match target.server_name()? {
            None => Ok(Line::Plain(stream)),
            Some(name) => match self.tls.connect(name, stream).await {
                Ok(stream) => Ok(Line::Tls(Box::new(stream))),
                Err(error) => Err(DialError::Tls { host: target.host.to_owned(), why: error.to_string() }),
            },
        }
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
            Some("http") if trust == Trust::Peer => return Err(DialError::Insecure),
            Some("http") => false,
            _ => return Err(DialError::NotAnAddress),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(DialError::NotAnAddress)?;
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        Ok(Self { host, port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }), tls })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the guard that everybody else goes through")]
    async fn resolve(&self) -> Result<Vec<SocketAddr>, DialError> {
        if let Ok(literal) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(literal, self.port)]);
        }
        let found = tokio::net::lookup_host((self.host, self.port)).await;
        found.map(Iterator::collect).map_err(|error| DialError::Unresolved { host: self.host.to_owned(), why: error.to_string() })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the guard that everybody else goes through")]
    async fn first_that_answers(&self, addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
        let mut outcome = Err(DialError::NotAllowed { host: self.host.to_owned() });
        for address in addresses {
            let stream = match timeout(ONE_ADDRESS, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => same_peer(stream, *address),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
            };
            match stream {
                Ok(stream) => return Ok(stream),
                Err(error) => outcome = Err(DialError::Unreachable { host: self.host.to_owned(), why: error.to_string() }),
            }
        }
        outcome
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

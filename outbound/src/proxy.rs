//! The company's forward proxy (RFC 9110 §9.3.6, CONNECT). Steps: 1. who goes directly; 2. a connection to the proxy; 3. `CONNECT`, with
//! credentials if there are any; 4. an answer of 2xx, and from then on the bytes are the destination's.
//!
//! Only https goes through it: TLS by name is then between us and the destination, and the proxy sees no more than where to. What is
//! reached by plain http lies in the company's own network, and is gone to directly.
//!
//! A proxy resolves names by itself, so a name that we checked could mean another address to it. For an address that a peer named we
//! therefore resolve, check, and ask the proxy for that very address; the host remains the name that TLS must prove. What an operator
//! wrote is asked for by its name: inside, nobody but the proxy may know it.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_core::Secret;
use ipnet::IpNet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::{Host, Url};

/// More than any proxy's answer to CONNECT has.
const LONGEST_HEAD: usize = 8_192;

/// The forward proxy, and who is gone to without it.
#[derive(Clone)]
pub struct Proxy {
    host: String,
    port: u16,
    credentials: Option<Secret<String>>,
    direct: Vec<Direct>,
}

/// A host, or all of a domain or network, that is reached without the proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Direct {
    /// The name itself and every name below it.
    Domain(String),
    Net(IpNet),
}

/// What is wrong with a proxy's address or an exception, in words for whoever wrote it: what, and the remedy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}: {remedy}")]
pub struct ProxyError {
    pub what: String,
    pub remedy: &'static str,
}

impl Proxy {
    /// A proxy at `http://HOST:PORT`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn at(address: &str) -> Result<Self, ProxyError> {
        const REMEDY: &str = "write it like `http://proxy.corp.example:3128`";
        let wrong = |what: &str| ProxyError { what: what.to_owned(), remedy: REMEDY };
        let url = Url::parse(address).map_err(|error| wrong(&format!("it is no address ({error})")))?;
        if !url.username().is_empty() || url.password().is_some() {
            let remedy = "leave them out, and write `proxy_credentials: env:NAME` beside it; the secret is `user:password`";
            return Err(ProxyError { what: "it has credentials in it".to_owned(), remedy });
        }
        if url.scheme() != "http" || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it is more or other than a scheme `http`, a host and a port"));
        }
        let host = bare(url.host_str().ok_or_else(|| wrong("it has no host"))?).to_owned();
        Ok(Self { host, port: url.port_or_known_default().unwrap_or(80), credentials: None, direct: Vec::new() })
    }

    /// What it asks for: `user:password`, sent by Basic.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Option<Secret<String>>) -> Self {
        self.credentials = credentials;
        self
    }

    /// Goes directly to this host and the hosts below it, or to the addresses of this network.
    ///
    /// # Errors
    /// When it is neither.
    pub fn except(mut self, exception: &str) -> Result<Self, ProxyError> {
        let domain = exception.strip_prefix("*.").or_else(|| exception.strip_prefix('.')).unwrap_or(exception);
        let direct = match (bare(exception).parse::<IpAddr>(), exception.parse::<IpNet>(), Host::parse(domain)) {
            (Ok(address), ..) => Direct::Net(address.into()),
            (_, Ok(net), _) => Direct::Net(net),
            (_, _, Ok(Host::Domain(domain))) if !domain.contains('*') => Direct::Domain(domain),
            _ => {
                let remedy =
                    "write a name (`corp.example`, which covers the names below it), an address, or a network such as `10.0.0.0/8`";
                return Err(ProxyError { what: format!("{exception:?} is neither a host nor a network"), remedy });
            }
        };
        self.direct.push(direct);
        Ok(self)
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Whether this host, without brackets, is gone to without the proxy. This computer always is.
    pub(crate) fn passes_by(&self, host: &str) -> bool {
        if let Ok(address) = host.parse::<IpAddr>() {
            let address = address.to_canonical();
            return address.is_loopback() || self.direct.iter().any(|direct| matches!(direct, Direct::Net(net) if net.contains(&address)));
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        below("localhost") || self.direct.iter().any(|direct| matches!(direct, Direct::Domain(domain) if below(domain)))
    }

    /// Asks for a tunnel to `HOST:PORT`.
    pub(crate) async fn tunnel(&self, mut stream: TcpStream, to: &str) -> Result<TcpStream, String> {
        let authorization = match &self.credentials {
            Some(credentials) => format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(credentials.expose())),
            None => String::new(),
        };
        let request = Secret::new(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{authorization}\r\n"));
        let sent = stream.write_all(request.expose().as_bytes()).await;
        sent.map_err(|error| format!("it broke off: {error}"))?;
        match status(&head(&mut stream).await?) {
            Some(200..=299) => Ok(stream),
            Some(407) if self.credentials.is_some() => Err("it does not take our credentials (407)".to_owned()),
            Some(407) => Err("it wants credentials (407); write `proxy_credentials: env:NAME` beside its address".to_owned()),
            Some(status) => Err(format!("it answers {status} to CONNECT {to}")),
            None => Err("what it answers is not HTTP".to_owned()),
        }
    }
}

/// Without its credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, credentials, direct } = self;
        let credentials = credentials.as_ref().map(|_| "…");
        f.debug_struct("Proxy").field("host", host).field("port", port).field("credentials", &credentials).field("direct", direct).finish()
    }
}

/// The answer's head. Read byte by byte: what follows it belongs to TLS.
async fn head(stream: &mut TcpStream) -> Result<Vec<u8>, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_HEAD {
            return Err("its answer to CONNECT does not end".to_owned());
        }
        let byte = stream.read_u8().await;
        head.push(byte.map_err(|error| format!("it hung up before it answered CONNECT: {error}"))?);
    }
    Ok(head)
}

fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let (version, rest) = line.split_once(' ')?;
    let code = rest.split(' ').next().filter(|code| code.len() == 3)?;
    version.starts_with("HTTP/1.").then(|| code.parse().ok())?
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port() {
        let at = |address| Proxy::at(address).map(|proxy| (proxy.host, proxy.port));
        assert_eq!(at("http://proxy:3128"), Ok(("proxy".to_owned(), 3128)));
        assert_eq!(at("http://[fd00::1]"), Ok(("fd00::1".to_owned(), 80)));
        for bad in ["", "proxy:3128", "https://proxy:3128", "socks5://proxy:1080", "http://proxy/x", "http://proxy?x"] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn credentials_stand_elsewhere_and_are_not_printed() {
        let refused = Proxy::at("http://u:hunter2@proxy:3128").expect_err("a secret in the file").to_string();
        assert!(refused.contains("proxy_credentials") && !refused.contains("hunter2"), "{refused}");
        let proxy = Proxy::at("http://proxy").expect("an address").with_credentials(Some(Secret::new("u:hunter2".to_owned())));
        assert!(!format!("{proxy:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_excepted_is_gone_to_directly() {
        let mut proxy = Proxy::at("http://proxy:3128").expect("an address");
        for exception in ["corp.example", ".inside", "*.lab", "10.0.0.0/8", "192.168.7.1", "[fd00::7]", "fd01::/16"] {
            proxy = proxy.except(exception).expect(exception);
        }
        for direct in [
            "corp.example",
            "a.b.corp.example",
            "CORP.example.",
            "x.inside",
            "y.lab",
            "10.9.8.7",
            "192.168.7.1",
            "fd00::7",
            "fd01::1",
            "localhost",
            "127.0.0.1",
            "::1",
            "::ffff:10.1.1.1",
        ] {
            assert!(proxy.passes_by(direct), "{direct}");
        }
        for through in ["evilcorp.example", "corp.example.evil.example", "11.0.0.1", "192.168.7.2", "fd00::8", "idp.example"] {
            assert!(!proxy.passes_by(through), "{through}");
        }
        for bad in ["", "*", "a b", "10.0.0.0/33", "http://corp.example"] {
            assert!(Proxy::at("http://proxy").expect("an address").except(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_status_line_has_a_status() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407\r\n\r\n"), Some(407));
        for bad in ["", "HTTP/1.1\r\n\r\n", "SSH-2.0-x 200\r\n", "HTTP/1.1 2000 x\r\n", "HTTP/1.1 +20 x\r\n"] {
            assert!(!matches!(status(bad.as_bytes()), Some(200..=299)), "{bad}");
        }
    }
}

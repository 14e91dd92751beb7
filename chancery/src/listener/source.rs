//! Who asks: the peer, or whom a trusted proxy in front says it asks for. A header that anybody can send is believed only from a peer
//! that `server.proxies` names, and of its entries only the last that no such proxy wrote. What cannot be read ends the reading.

use std::net::IpAddr;
use std::sync::Arc;

use chancery_core::Source;
use http::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies whose word on where a request came from is taken. Cheap to clone.
#[derive(Clone, Default)]
pub struct Proxies(Arc<[IpNet]>);

impl Proxies {
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    /// Where a request of this peer came from. Each proxy adds at the end whom it heard, so the list is read from there: the first that
    /// is none of ours is the one who asks, and what stands before it is his own invention.
    pub fn source(&self, peer: IpAddr, headers: &HeaderMap) -> Source {
        let mut source = Source::new(peer);
        let lines = headers.get_all(FORWARDED_FOR).iter().collect::<Vec<_>>();
        for said in lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
            match address(said) {
                Some(before) if self.trusts(source) => source = Source::new(before),
                _ => break,
            }
        }
        source
    }

    fn trusts(&self, source: Source) -> bool {
        self.0.iter().any(|network| network.contains(&source.address()))
    }
}

/// Some proxies add the port.
fn address(said: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(said).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(peer: &str, lines: &[&str]) -> String {
        let proxies = Proxies::new(&["10.0.0.0/8".parse().expect("a network"), "::1/128".parse().expect("a network")]);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().expect("a header"));
        }
        proxies.source(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn a_stranger_says_nothing_about_where_he_is() {
        assert_eq!(source("198.51.100.7", &["203.0.113.9"]), "198.51.100.7");
        assert_eq!(source("198.51.100.7", &[]), "198.51.100.7");
    }

    #[test]
    fn a_proxy_says_whom_it_asks_for_and_no_more() {
        assert_eq!(source("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(source("10.0.0.1", &["192.0.2.66, 203.0.113.9"]), "203.0.113.9", "the first was there before");
        assert_eq!(source("10.0.0.1", &["192.0.2.66", "203.0.113.9, 10.0.0.2"]), "203.0.113.9", "two proxies of ours");
        assert_eq!(source("::1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(source("10.0.0.1", &["203.0.113.9:50123"]), "203.0.113.9");
        assert_eq!(source("10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1", "what cannot be read is not guessed");
        assert_eq!(source("10.0.0.1", &["192.0.2.66, unknown, 10.0.0.2"]), "10.0.0.2", "nor is what stands before it believed");
        assert_eq!(source("10.0.0.1", &["192.0.2.66", "\u{e9}"]), "10.0.0.1", "in no line");
        assert_eq!(source("10.0.0.1", &["192.0.2.66", ""]), "10.0.0.1");
        assert_eq!(source("10.0.0.1", &["192.0.2.66, \u{e9}, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(source("::ffff:10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
    }
}

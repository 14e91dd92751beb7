//! Who asks, as far as the network says: what a stranger is counted by. It identifies nobody and authorises nothing.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The address a request came from: the peer's, or the one that a trusted proxy says it had. The listener puts it into the request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Source(IpAddr);

/// Whom an address may stand for, and how much of what one may have they may have together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Network {
    first: IpAddr,
    pub times: u32,
}

impl Source {
    /// How many networks an address may stand for.
    pub const NETWORKS: usize = 3;

    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// Of a request that no listener took.
    pub fn nowhere() -> Self {
        Self(std::net::Ipv4Addr::UNSPECIFIED.into())
    }

    pub const fn address(self) -> IpAddr {
        self.0
    }

    /// Narrowest first. With IPv6 everybody has a /64 to choose addresses from, many a household a /56, and whoever asks for it a /48: the
    /// wider ones have as much as a few of the narrower, so that nobody multiplies by moving about in his own.
    pub fn networks(self) -> impl Iterator<Item = Network> {
        const WITHIN: [(u32, u32); Source::NETWORKS] = [(64, 1), (56, 4), (48, 16)];
        let (v4, v6) = match self.0 {
            IpAddr::V4(_) => (Some(Network { first: self.0, times: 1 }), None),
            IpAddr::V6(address) => (None, Some(address.to_bits())),
        };
        let wider = v6.into_iter().flat_map(|bits| {
            WITHIN.map(|(length, times)| Network { first: Ipv6Addr::from_bits(bits & (u128::MAX << (128 - length))).into(), times })
        });
        v4.into_iter().chain(wider)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_its_network() {
        let narrowest = |address: &str| Source::new(address.parse().expect("an address")).networks().next().expect("one").first.to_string();
        assert_eq!(narrowest("192.0.2.1"), "192.0.2.1");
        assert_eq!(narrowest("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(narrowest("2001:db8::1"), narrowest("2001:db8::ffff:2"));
        assert_ne!(narrowest("2001:db8::1"), narrowest("2001:db8:0:1::1"));
    }

    #[test]
    fn with_ipv6_it_is_the_wider_ones_too() {
        let networks = |address: &str| Source::new(address.parse().expect("an address")).networks().collect::<Vec<_>>();
        assert_eq!(networks("192.0.2.1").len(), 1);
        let told: Vec<_> = networks("2001:db8:1:2ff::1").iter().map(|network| (network.first.to_string(), network.times)).collect();
        assert_eq!(told, [("2001:db8:1:2ff::".into(), 1), ("2001:db8:1:200::".into(), 4), ("2001:db8:1::".into(), 16)]);
        assert_eq!(networks("2001:db8:1:2ff::1")[2], networks("2001:db8:1:ffff::1")[2]);
    }
}

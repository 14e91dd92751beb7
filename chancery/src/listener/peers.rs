//! How many connections each peer has, so that no single one takes the places of all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use chancery_core::{Network, Source};

/// Counts the connections of each peer, and with IPv6 of the wider networks that it may be in.
#[derive(Clone)]
pub struct Peers {
    most: usize,
    open: Arc<Mutex<HashMap<Network, usize>>>,
}

/// One connection's place among its peer's, until it is dropped.
pub struct Place {
    peer: Source,
    peers: Peers,
}

impl Peers {
    pub fn new(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// A place for one more connection from there, unless the peer has as many as it may.
    pub fn admit(&self, from: IpAddr) -> Option<Place> {
        let peer = Source::new(from);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let most = |network: &Network| self.most.saturating_mul(usize::try_from(network.times).unwrap_or(usize::MAX));
        let has_room = peer.networks().all(|network| open.get(&network).is_none_or(|had| *had < most(&network)));
        has_room.then(|| {
            peer.networks().for_each(|network| *open.entry(network).or_default() += 1);
            Place { peer, peers: self.clone() }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.peers.open.lock().unwrap_or_else(PoisonError::into_inner);
        for network in self.peer.networks() {
            if let Some(of_peer) = open.get_mut(&network) {
                *of_peer -= 1;
                if *of_peer == 0 {
                    open.remove(&network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn one_peer_does_not_take_the_places_of_all() {
        let peers = Peers::new(2);
        let from = |address: &str| peers.admit(address.parse().expect("an address"));
        let (first, _second) = (from("192.0.2.1").expect("room"), from("::ffff:192.0.2.1").expect("room"));
        assert!(from("192.0.2.1").is_none());
        let _others = from("192.0.2.2").expect("room for others");

        drop(first);
        let _again = from("192.0.2.1").expect("room again");

        let _six = (from("2001:db8::1").expect("room"), from("2001:db8::2").expect("room"));
        assert!(from("2001:db8::3").is_none());
        let held: Vec<_> = (1..100).filter_map(|network| from(&format!("2001:db8:0:{network:x}::3"))).collect();
        assert_eq!(held.len(), 6, "a /56 has what four /64 have");
        assert!(from("2001:db8:0:100::3").is_some());
    }

    #[test]
    fn a_peer_without_connections_is_forgotten() {
        let peers = Peers::new(1);
        drop(peers.admit(Ipv6Addr::LOCALHOST.into()));
        assert!(peers.open.lock().unwrap().is_empty());
    }
}

//! How many connections each peer has, so that no single one takes the places of all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use chancery_core::Source;

/// Counts the connections of each peer.
#[derive(Clone)]
pub struct Peers {
    most: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection's place among its peer's, until it is dropped.
pub struct Place {
    peer: IpAddr,
    peers: Peers,
}

impl Peers {
    pub fn new(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// A place for one more connection from there, unless the peer has as many as it may.
    pub fn admit(&self, from: IpAddr) -> Option<Place> {
        let peer = Source::new(from).network();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = open.entry(peer).or_default();
        (*of_peer < self.most).then(|| {
            *of_peer += 1;
            Place { peer, peers: self.clone() }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.peers.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_peer) = open.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                open.remove(&self.peer);
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
        assert!(from("2001:db8:0:1::3").is_some());
    }

    #[test]
    fn a_peer_without_connections_is_forgotten() {
        let peers = Peers::new(1);
        drop(peers.admit(Ipv6Addr::LOCALHOST.into()));
        assert!(peers.open.lock().unwrap().is_empty());
    }
}

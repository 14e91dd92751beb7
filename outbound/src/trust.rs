//! Which addresses may be reached (RFC 6890 and its registries). What an operator wrote may lie in the company's own network; what a
//! peer named may not: such an address must be one that anybody on the internet could reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Who named the address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trust {
    /// An operator wrote it, or it stands in a document of a provider that an operator wrote.
    Operator,
    /// A client named it, and an operator wrote of its host that it may be private: https only.
    Listed,
    /// A client or another stranger named it: https only, public addresses only, no service's own port (CI-04).
    Peer,
}

/// How far this process may reach at all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reach {
    Anywhere,
    /// The demo and the tests never leave this computer.
    LoopbackOnly,
}

/// Whether a connection to this address is allowed. It is asked about resolved addresses, so the spelling of a host hides nothing.
pub fn admits(address: IpAddr, trust: Trust, reach: Reach) -> bool {
    let near_enough = reach == Reach::Anywhere || address.to_canonical().is_loopback();
    let public_enough = trust != Trust::Peer || is_public(address);
    near_enough && public_enough
}

/// Whether anybody on the internet could mean the same host by it.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|net| net.contains(&v4)),
        // v4-mapped, NAT64, unique local, link-local and multicast all lie outside of what is assigned to the internet.
        IpAddr::V6(v6) => GLOBAL_UNICAST.contains(&v6) && !SPECIAL_V6.iter().any(|net| net.contains(&v6)),
    }
}

/// The IPv4 special-purpose registry, multicast and reserved space.
const SPECIAL_V4: &[Ipv4Net] = &[
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 31, 196, 0], 24),
    v4([192, 52, 193, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([192, 175, 48, 0], 24),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 3),
];

/// All of IPv6 that is assigned to the internet lies in here.
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0], 3);

/// What of it is special all the same: protocol assignments with Teredo and benchmarking, documentation, 6to4, AS112.
const SPECIAL_V6: &[Ipv6Net] =
    &[v6([0x2001, 0, 0], 23), v6([0x2001, 0xdb8, 0], 32), v6([0x2002, 0, 0], 16), v6([0x2620, 0x4f, 0x8000], 48), v6([0x3fff, 0, 0], 20)];

const fn v4(address: [u8; 4], bits: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(start: [u16; 3], bits: u8) -> Ipv6Net {
    let [a, b, c] = start;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_04_a_peer_reaches_no_special_address() {
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2620:4f:8000::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!admits(special.parse().unwrap(), Trust::Peer, Reach::Anywhere), "{special}");
        }
    }

    #[test]
    fn ci_04_a_peer_reaches_public_addresses() {
        for public in
            ["1.1.1.1", "8.8.8.8", "9.255.255.255", "100.63.0.1", "172.32.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1"]
        {
            assert!(admits(public.parse().unwrap(), Trust::Peer, Reach::Anywhere), "{public}");
        }
    }

    #[test]
    fn an_operator_reaches_the_companys_own_network() {
        for private in ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "8.8.8.8"] {
            assert!(admits(private.parse().unwrap(), Trust::Operator, Reach::Anywhere), "{private}");
        }
    }

    #[test]
    fn nobody_leaves_this_computer_where_only_loopback_is_allowed() {
        for loopback in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert!(admits(loopback.parse().unwrap(), Trust::Operator, Reach::LoopbackOnly), "{loopback}");
            assert!(!admits(loopback.parse().unwrap(), Trust::Peer, Reach::LoopbackOnly), "{loopback}");
        }
        for away in ["0.0.0.0", "10.1.2.3", "8.8.8.8", "::", "fe80::1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            for trust in [Trust::Operator, Trust::Peer] {
                assert!(!admits(away.parse().unwrap(), trust, Reach::LoopbackOnly), "{away}");
            }
        }
    }
}

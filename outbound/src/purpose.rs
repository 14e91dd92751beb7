//! What a document is fetched for, and how much of everything that is worth. All limits of fetching stand here.

use std::time::Duration;

use crate::Trust;

/// Why something is fetched. Each purpose has a row in [`Purpose::limits`]; a fetch without one does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Purpose {
    /// Metadata of an identity provider or issuer that an operator wrote.
    ProviderMetadata,
    /// Its keys, at the address its metadata names.
    ProviderJwks,
    /// Its token endpoint. Slower than a document: some providers ask further systems.
    ProviderToken,
    /// Its registration endpoint, and the addresses by which it has clients managed.
    ProviderRegistration,
    /// A client's own metadata document, at an address that the client chose.
    ClientDocument,
    /// The same, at a host of which the tenant's operator wrote that it may be private.
    ListedClientDocument,
    /// Where a client wants to hear that a session ended, at an address that the client chose.
    ClientLogout,
    /// The same, at a host of which the tenant's operator wrote that it may be private.
    ListedClientLogout,
    /// The same, at an address that an operator wrote.
    OwnClientLogout,
    /// Who issues the tokens that an MCP server wants, in a document at that server, which an operator named.
    ServerMetadata,
    /// The same, at another address, which the server named.
    NamedServerMetadata,
    /// Our own command line at a server that whoever runs it named.
    Administration,
    /// Our traces, at the collector that an operator wrote.
    Telemetry,
}

/// The limits of one purpose. Redirects are followed for none, and nothing is unpacked for any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub trust: Trust,
    pub most_bytes: usize,
    /// Until the answer's header is there, connection included.
    pub first_byte: Duration,
    /// For everything.
    pub time: Duration,
    /// How many at once at one host; the next waits its turn.
    pub at_host: usize,
    /// How many at once in all, so many sockets; the next is refused.
    pub in_all: usize,
}

impl Purpose {
    #[rustfmt::skip]
    pub(crate) const fn limits(self) -> Limits {
        match self {
            //                                      who wrote the address  bytes   seconds to: header, end   at once: at a host, in all
            Self::ProviderMetadata     => limits(Trust::Operator,       100_000, [5,   5],                 [4,  64]), // MD-07
            Self::ProviderJwks         => limits(Trust::Operator,       100_000, [5,   5],                 [4,  64]), // MD-07
            Self::ProviderToken        => limits(Trust::Operator,       100_000, [15, 15],                 [64, 256]),
            Self::ProviderRegistration => limits(Trust::Operator,       100_000, [10, 10],                 [4,  16]),
            Self::ClientDocument       => limits(Trust::Peer,             5_000, [3,   5],                 [2,  32]), // CI-03
            Self::ListedClientDocument => limits(Trust::Listed,           5_000, [3,   5],                 [2,  32]), // CI-03
            Self::ClientLogout         => limits(Trust::Peer,            20_000, [5,  10],                 [2,  32]), // BL-03
            Self::ListedClientLogout   => limits(Trust::Listed,          20_000, [5,  10],                 [2,  32]), // BL-03
            Self::OwnClientLogout      => limits(Trust::Operator,        20_000, [5,  10],                 [4,  32]), // BL-03
            Self::ServerMetadata       => limits(Trust::Operator,        20_000, [5,   5],                 [2,   4]),
            Self::NamedServerMetadata  => limits(Trust::Peer,            20_000, [5,   5],                 [2,   4]), // PR-06
            Self::Administration       => limits(Trust::Operator,    16_000_000, [30, 60],                 [4,   4]),
            Self::Telemetry            => limits(Trust::Operator,       100_000, [10, 10],                 [2,   2]),
        }
    }
}

const fn limits(trust: Trust, most_bytes: usize, seconds: [u64; 2], at_once: [usize; 2]) -> Limits {
    let ([header, end], [at_host, in_all]) = (seconds, at_once);
    Limits { trust, most_bytes, first_byte: Duration::from_secs(header), time: Duration::from_secs(end), at_host, in_all }
}

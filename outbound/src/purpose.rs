//! What a document is fetched for, and how much of everything that is worth.

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
    /// A client's own metadata document, at an address that the client chose.
    ClientDocument,
}

/// The limits of one purpose. Redirects are followed for none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub trust: Trust,
    pub most_bytes: usize,
    pub time: Duration,
}

impl Purpose {
    #[rustfmt::skip]
    pub(crate) const fn limits(self) -> Limits {
        match self {
            //                                who wrote the address  bytes    seconds
            Self::ProviderMetadata => limits(Trust::Operator,       100_000,  5), // MD-07
            Self::ProviderJwks     => limits(Trust::Operator,       100_000,  5), // MD-07
            Self::ProviderToken    => limits(Trust::Operator,       100_000, 15),
            Self::ClientDocument   => limits(Trust::Peer,             5_000,  5), // CI-03
        }
    }
}

const fn limits(trust: Trust, most_bytes: usize, seconds: u64) -> Limits {
    Limits { trust, most_bytes, time: Duration::from_secs(seconds) }
}

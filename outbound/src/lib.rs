//! The way out: one guarded dialer, a client for small documents, their cache, and the gateway's streaming client.
//!
//! A connection is made in this order: resolve, drop the addresses that may not be reached, connect to one of the rest, look again at
//! whom we are connected to, and only then speak TLS by name. Nobody follows a redirect. What is fetched has limits of size, time and
//! number for its purpose, all in one table ([`Purpose`]).

pub mod child;
pub mod dialer;
pub mod documents;
pub mod fetcher;
pub mod network;
pub mod proxy;
pub mod purpose;
pub mod trust;
pub mod upstreams;

mod complaints;
mod connector;
mod line;
mod shares;

pub use child::{Child, Order};
pub use dialer::{DialError, Dialer, Settings};
pub use documents::Documents;
pub use fetcher::{FetchError, FetchTrouble, Fetched, Fetcher};
pub use network::Network;
pub use proxy::{Proxy, ProxyError};
pub use purpose::Purpose;
pub use trust::{Reach, Trust};
pub use upstreams::{Body, BoxError, UpstreamError, Upstreams};

#[cfg(test)]
mod tests;

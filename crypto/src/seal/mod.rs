//! Sealing: at rest each record has a data key of its own, wrapped by a key provider; in flight, what travels through
//! a browser or a client is sealed under a key of the tenant's. A seal holds only at the place it was made for.

mod aead;
mod in_flight;
mod local_key_file;
mod sealer;

#[cfg(test)]
mod tests;

pub use in_flight::{Bound, InFlightKey, InFlightKeys, Purpose};
pub use local_key_file::LocalKeyFile;
pub use sealer::{Place, Sealer};

use std::path::PathBuf;

use chancery_core::Secret;
use futures_util::future::BoxFuture;

/// Wraps and unwraps data keys: a local key file, or a service that never shows its key.
pub trait KeyProvider: Send + Sync + 'static {
    /// Which provider and which of its keys, at most 255 bytes; it stands in every record that it sealed.
    fn id(&self) -> &str;

    fn wrap<'a>(&'a self, key: &'a Secret<[u8; 32]>) -> BoxFuture<'a, Result<Vec<u8>, SealError>>;

    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> BoxFuture<'a, Result<Secret<[u8; 32]>, SealError>>;
}

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Changed, cut off, or made for another place.
    #[error("a sealed {table} record cannot be opened: it was changed, or it was sealed for another row")]
    Refused { table: &'static str },
    #[error("a sealed {table} record needs the key `{needed}`, but this node has `{have}`; start it with the key that sealed the data")]
    OtherKey { table: &'static str, needed: String, have: String },
    #[error("the key provider could not be used: {0}")]
    Provider(String),
    #[error("the key file {path} {trouble}")]
    KeyFile { path: PathBuf, trouble: String },
}

//! Sealed records, format 1:
//!
//! ```text
//! 1 ‖ length of provider id (1 byte) ‖ provider id ‖ length of wrapped key (2 bytes) ‖ wrapped key ‖ nonce (12) ‖ sealed ‖ tag (16)
//! ```
//! The data key is drawn for this one record. Associated data: a domain string, tenant, table, row, version. The wrapped key is not
//! part of it, so that a key provider's rotation can wrap the data key anew without opening the record.

use std::sync::Arc;

use chancery_core::{Rng, Secret, TenantId};

use super::aead::{self, Key, NONCE};
use super::{KeyProvider, SealError};

const FORMAT: u8 = 1;
const DOMAIN: &[u8] = b"chancery sealed record 1";

/// The one place where a sealed record may be opened.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub tenant: &'a TenantId,
    pub table: &'static str,
    /// The row's key within tenant and table.
    pub row: &'a str,
    pub version: i64,
}

/// Seals records and opens them, by way of one key provider.
#[derive(Clone)]
pub struct Sealer {
    provider: Arc<dyn KeyProvider>,
    rng: Arc<dyn Rng>,
}

impl Sealer {
    pub fn new(provider: Arc<dyn KeyProvider>, rng: Arc<dyn Rng>) -> Self {
        Self { provider, rng }
    }

    /// Seals `plain` for its place and no other.
    ///
    /// # Errors
    /// [`SealError::Provider`] if the provider cannot wrap the data key.
    pub async fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let (data_key, nonce) = self.draw();
        let wrapped = self.provider.wrap(&data_key).await?;
        let mut out = Record::head(self.provider.id(), &wrapped, nonce)?;
        Key::new(&data_key).seal_into(&mut out, nonce, &place.context(), plain);
        Ok(out)
    }

    /// # Errors
    /// [`SealError::Refused`] for another place, or bytes that were changed; [`SealError::OtherKey`] if another key sealed them.
    pub async fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let refused = || SealError::Refused { table: place.table };
        let record = Record::parse(sealed).ok_or_else(refused)?;
        if record.provider != self.provider.id().as_bytes() {
            let (needed, have) = (String::from_utf8_lossy(record.provider).into_owned(), self.provider.id().to_owned());
            return Err(SealError::OtherKey { table: place.table, needed, have });
        }
        let data_key = self.provider.unwrap(record.wrapped).await.map_err(|trouble| match trouble {
            SealError::Refused { .. } => refused(),
            other => other,
        })?;
        Key::new(&data_key).open(record.nonce, &place.context(), record.sealed).ok_or_else(refused)
    }

    fn draw(&self) -> (Secret<[u8; 32]>, [u8; NONCE]) {
        let (mut key, mut nonce) = ([0; 32], [0; NONCE]);
        self.rng.fill(&mut key);
        self.rng.fill(&mut nonce);
        (Secret::new(key), nonce)
    }
}

impl Place<'_> {
    fn context(&self) -> Vec<u8> {
        let tenant = self.tenant.to_string();
        aead::context(&[DOMAIN, tenant.as_bytes(), self.table.as_bytes(), self.row.as_bytes(), &self.version.to_be_bytes()])
    }
}

/// The parts of a sealed record.
struct Record<'a> {
    provider: &'a [u8],
    wrapped: &'a [u8],
    nonce: [u8; NONCE],
    sealed: &'a [u8],
}

impl<'a> Record<'a> {
    fn head(provider: &str, wrapped: &[u8], nonce: [u8; NONCE]) -> Result<Vec<u8>, SealError> {
        let provider_length = u8::try_from(provider.len()).map_err(|_| SealError::Provider("its id is longer than 255 bytes".into()))?;
        let wrapped_length = u16::try_from(wrapped.len()).map_err(|_| SealError::Provider("its wrapped key exceeds 64 KiB".into()))?;
        Ok([&[FORMAT, provider_length][..], provider.as_bytes(), &wrapped_length.to_be_bytes(), wrapped, &nonce].concat())
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&[FORMAT, provider_length], rest) = bytes.split_first_chunk::<2>()? else { return None };
        let (provider, rest) = rest.split_at_checked(usize::from(provider_length))?;
        let (wrapped_length, rest) = rest.split_first_chunk::<2>()?;
        let (wrapped, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*wrapped_length)))?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        Some(Self { provider, wrapped, nonce: *nonce, sealed })
    }
}

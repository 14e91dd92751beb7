//! AES-256-GCM, and associated data in which no two fields can run into each other.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use chancery_core::Secret;

pub const NONCE: usize = 12;
const TAG: usize = 16;

/// A key that seals. It has no `Debug`.
pub struct Key(LessSafeKey);

impl Key {
    pub fn new(key: &Secret<[u8; 32]>) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).expect("32 bytes are a key of AES-256")))
    }

    /// Appends the sealed `plain` to `out`. The nonce must be new for this key.
    pub fn seal_into(&self, out: &mut Vec<u8>, nonce: [u8; NONCE], context: &[u8], plain: &[u8]) {
        let start = out.len();
        out.extend_from_slice(plain);
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut out[start..])
            .expect("less than 64 GiB can be sealed");
        out.extend_from_slice(tag.as_ref());
    }

    /// The plain text, if `sealed` was made by this key with this nonce and context.
    pub fn open(&self, nonce: [u8; NONCE], context: &[u8], sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
        let length = sealed.len().checked_sub(TAG)?;
        let mut plain = sealed.to_vec();
        self.0.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut plain).ok()?;
        plain.truncate(length);
        Some(Secret::new(plain))
    }
}

/// Each field preceded by its length.
pub fn context(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(fields.iter().map(|field| field.len() + 8).sum());
    for field in fields {
        out.extend_from_slice(&(field.len() as u64).to_be_bytes());
        out.extend_from_slice(field);
    }
    out
}

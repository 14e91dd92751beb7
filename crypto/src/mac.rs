//! HMAC-SHA256 over parts that cannot run into each other.

use aws_lc_rs::hmac;
use chancery_core::Secret;

/// A key that makes and checks tags. It has no `Debug`.
pub struct MacKey(hmac::Key);

impl MacKey {
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }

    /// The tag of these parts, each preceded by its length: `["ab", "c"]` and `["a", "bc"]` have different tags.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    /// Whether `tag` belongs to these parts, compared in constant time.
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        crate::digest::same(&self.tag(parts), tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MacKey {
        MacKey::new(Secret::new([byte; 32]))
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(key(1).tag(&[b"ab", b"c"]), key(1).tag(&[b"a", b"bc"]));
        assert_ne!(key(1).tag(&[b"ab"]), key(1).tag(&[b"ab", b""]));
    }

    #[test]
    fn a_tag_holds_for_its_key_and_parts_alone() {
        let tag = key(1).tag(&[b"family", b"7"]);
        assert!(key(1).verify(&[b"family", b"7"], &tag));
        assert!(!key(2).verify(&[b"family", b"7"], &tag));
        assert!(!key(1).verify(&[b"family", b"8"], &tag));
        assert!(!key(1).verify(&[b"family", b"7"], &tag[..31]));
        assert!(!key(1).verify(&[b"family", b"7"], &[]));
    }
}

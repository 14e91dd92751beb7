//! The TLS provider that outbound, store and the listener are handed, and what binds a password check to a TLS connection. Nothing is
//! installed process-wide.

mod pem;
mod trust;

use std::sync::Arc;

use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use rustls::crypto::CryptoProvider;

pub use pem::{Special, authorities, key};
pub use trust::{Trust, TrustError};

/// The crypto library as rustls wants it, for `builder_with_provider`.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The `tls-server-end-point` channel binding of a server's certificate (RFC 5929 §4.1): its hash, by the hash function of its own
/// signature. Signatures without one hash of their own (Ed25519, PSS) have no binding.
pub fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = signature_hash(certificate)?;
    Some(digest(algorithm, certificate).as_ref().to_vec())
}

/// Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { algorithm OBJECT IDENTIFIER, … }, … } (RFC 5280 §4.1).
fn signature_hash(certificate: &[u8]) -> Option<&'static Algorithm> {
    const SEQUENCE: u8 = 0x30;
    const OBJECT_IDENTIFIER: u8 = 0x06;
    let (certificate, _) = der(certificate, SEQUENCE)?;
    let (_, after_what_is_signed) = der(certificate, SEQUENCE)?;
    let (signature_algorithm, _) = der(after_what_is_signed, SEQUENCE)?;
    let (identifier, _) = der(signature_algorithm, OBJECT_IDENTIFIER)?;
    match identifier {
        // 1.2.840.113549.1.1.{11, 12, 13}: RSA PKCS #1 v1.5 with SHA-2
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, hash @ 0x0b..=0x0d] => {
            [&SHA256, &SHA384, &SHA512].get(usize::from(hash - 0x0b)).copied()
        }
        // 1.2.840.10045.4.3.{2, 3, 4}: ECDSA with SHA-2
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, hash @ 0x02..=0x04] => {
            [&SHA256, &SHA384, &SHA512].get(usize::from(hash - 0x02)).copied()
        }
        _ => None,
    }
}

/// The content of the first DER element, which must have this tag, and what follows it.
fn der(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, short], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81..=0x84 => {
            let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            (long.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate as far as its signature algorithm goes.
    fn certificate(identifier: &[u8]) -> Vec<u8> {
        let element = |tag: u8, content: &[u8]| [&[tag, 0x81, u8::try_from(content.len()).expect("short")], content].concat();
        element(0x30, &[element(0x30, &[0; 100]), element(0x30, &element(0x06, identifier))].concat())
    }

    #[test]
    fn the_hash_is_that_of_the_certificates_own_signature() {
        let rsa = |hash| [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, hash];
        let ecdsa = |hash| [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, hash];
        for (identifier, length) in [(&rsa(11)[..], 32), (&rsa(12), 48), (&rsa(13), 64), (&ecdsa(2), 32), (&ecdsa(3), 48), (&ecdsa(4), 64)]
        {
            assert_eq!(server_end_point(&certificate(identifier)).map(|hash| hash.len()), Some(length), "{identifier:?}");
        }
        for other in [&rsa(10)[..], &rsa(5), &[0x2b, 0x65, 0x70]] {
            assert_eq!(server_end_point(&certificate(other)), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_binding() {
        let whole = certificate(&[0x2b, 0x65, 0x70]);
        for cut in 0..whole.len() {
            assert_eq!(server_end_point(&whole[..cut]), None);
        }
        assert_eq!(server_end_point(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}

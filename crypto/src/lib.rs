//! Every use of cryptography: randomness, digests, MACs, JOSE signatures, sealing at rest and in flight, and the TLS provider.
//!
//! The only room that names a crypto library. It does no network I/O and never reads a clock: what a token's claims mean is for
//! the rooms above, after [`jose::verify`] has said that the signature holds.

pub mod digest;
pub mod jose;
pub mod mac;
pub mod random;
pub mod seal;
pub mod tls;

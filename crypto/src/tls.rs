//! The TLS provider that outbound, store and the listener are handed. Nothing is installed process-wide.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The crypto library as rustls wants it, for `builder_with_provider`.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

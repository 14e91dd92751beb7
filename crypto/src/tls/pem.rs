//! What TLS needs, from PEM texts: the authorities behind one server, and a certificate of our own with its key.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Certificates; at least one.
///
/// # Errors
/// Why they cannot be used.
pub fn authorities(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| error.to_string())?;
    }
    if certificates.is_empty() { Err("it holds no certificate in PEM form".to_owned()) } else { Ok(certificates) }
}

/// A private key.
///
/// # Errors
/// Why it cannot be used, without a word of it.
pub fn key(pem: &str) -> Result<PrivateKeyDer<'static>, String> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "it holds no private key in PEM form".to_owned())?;
    super::provider().key_provider.load_private_key(key.clone_key()).map_err(|_| "it is no key that can sign".to_owned())?;
    Ok(key)
}

/// What one server's TLS is like, where it is not like everybody's.
#[derive(Clone, Copy, Default)]
pub struct Special<'a> {
    /// The only authorities that may vouch for it, in PEM.
    pub authority: Option<&'a str>,
    /// Our own certificate with its chain, and its key, in PEM.
    pub identity: Option<(&'a str, &'a str)>,
}

impl Special<'_> {
    /// The client side of TLS; what is not special is as in `usual`.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn client(&self, usual: &super::Trust<'_>) -> Result<ClientConfig, String> {
        let roots = match self.authority {
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(authorities(pem)?);
                roots
            }
            None => usual.roots().map_err(|error| error.to_string())?,
        };
        let config = ClientConfig::builder_with_provider(super::provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(Arc::new(roots));
        match self.identity {
            Some((chain, pem)) => config.with_client_auth_cert(authorities(chain)?, key(pem)?).map_err(|error| error.to_string()),
            None => Ok(config.with_no_client_auth()),
        }
    }
}

//! Whom TLS believes: the system's roots, and the company's own from PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::{Reach, Settings, SettingsError};

/// The client side of TLS for these settings.
pub fn client_config(settings: &Settings) -> Result<ClientConfig, SettingsError> {
    let mut roots = RootCertStore::empty();
    // A system without roots is not wrong until https is needed, and then the handshake says so.
    if settings.reach == Reach::Anywhere {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    for path in &settings.extra_ca_files {
        for certificate in read_pem(path)? {
            roots.add(certificate).map_err(|error| trouble(path, error.to_string()))?;
        }
    }
    let config = ClientConfig::builder_with_provider(chancery_crypto::tls::provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(Arc::new(roots))
        .with_no_client_auth();
    Ok(config)
}

fn read_pem(path: &Path) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(trouble(path, "holds no certificate in PEM form".into())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(trouble(path, error.to_string())),
    }
}

fn trouble(path: &Path, trouble: String) -> SettingsError {
    SettingsError { path: path.to_owned(), trouble }
}

//! Whom the client side of TLS believes: the machine's authorities, and those of PEM files.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A file of certificate authorities that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the certificate authorities in {} cannot be used: {trouble}", path.display())]
pub struct TrustError {
    pub path: PathBuf,
    pub trouble: String,
}

/// Where trust comes from.
#[derive(Clone, Copy, Default)]
pub struct Trust<'a> {
    /// The machine's own authorities. A machine without any is not wrong until TLS is needed, and then the handshake says so.
    pub system: bool,
    /// PEM files, which hold at least one certificate each.
    pub files: &'a [PathBuf],
}

impl Trust<'_> {
    /// The client side of TLS that believes these, and proves nothing of itself.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn client(&self) -> Result<ClientConfig, TrustError> {
        let roots = self.roots()?;
        let config = ClientConfig::builder_with_provider(super::provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has the cipher suites of TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(config)
    }

    pub(super) fn roots(&self) -> Result<RootCertStore, TrustError> {
        let mut roots = RootCertStore::empty();
        if self.system {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        for file in self.files {
            for certificate in read(file)? {
                roots.add(certificate).map_err(|error| trouble(file, error))?;
            }
        }
        Ok(roots)
    }
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates {
        Ok(none) if none.is_empty() => Err(trouble(file, "it holds no certificate in PEM form")),
        read => read.map_err(|error| trouble(file, error)),
    }
}

fn trouble(file: &Path, trouble: impl ToString) -> TrustError {
    TrustError { path: file.to_owned(), trouble: trouble.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_vouches_for_nobody_is_refused_by_name() {
        let path = std::env::temp_dir().join(format!("chancery-trust-{}.pem", std::process::id()));
        let refused = |text: Option<&str>| {
            let _ = std::fs::remove_file(&path);
            text.iter().for_each(|text| std::fs::write(&path, text).expect("the temporary folder can be written to"));
            Trust { files: std::slice::from_ref(&path), ..Trust::default() }.client().expect_err("no authority")
        };
        for text in [None, Some(""), Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")] {
            let error = refused(text).to_string();
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
        let _ = std::fs::remove_file(&path);
        assert!(Trust::default().client().is_ok());
    }
}

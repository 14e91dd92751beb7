//! TLS to PostgreSQL: rustls with the crypto room's provider, name and chain verified, and the connection bound to the server's
//! certificate when it checks the password (SCRAM's `tls-server-end-point`, RFC 5929 §4), so nobody in between can pass it on.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use chancery_crypto::tls::{Trust, TrustError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use crate::StoreError;

/// Makes TLS connections, or has no part in them.
#[derive(Clone)]
pub(super) struct Connector(Option<TlsConnector>);

impl Connector {
    /// For connections whose mode is `disable`: tokio-postgres never asks.
    pub(super) fn off() -> Self {
        Self(None)
    }

    /// Trusts the certificates in a PEM file, or the machine's.
    pub(super) fn verified(file: Option<&Path>) -> Result<Self, StoreError> {
        let files: Vec<PathBuf> = file.map(Path::to_owned).into_iter().collect();
        let config = Trust { system: files.is_empty(), files: &files }.client().map_err(unusable)?;
        Ok(Self(Some(TlsConnector::from(Arc::new(config)))))
    }
}

fn unusable(TrustError { path, trouble }: TrustError) -> StoreError {
    StoreError::opening(
        format!("the certificates of `sslrootcert` {} cannot be used", path.display()),
        trouble,
        "Name a PEM file with the certificates of the authorities that the server's certificate comes from",
    )
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Wire<S>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    /// tokio-postgres asks for every connection, also for those that will not use it.
    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, io::Error> {
        Ok(Handshake { connector: self.0.clone(), host: host.to_owned() })
    }
}

pub(super) struct Handshake {
    connector: Option<TlsConnector>,
    host: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Stream = Wire<S>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Wire<S>, io::Error>>;

    fn connect(self, stream: S) -> Self::Future {
        async move {
            let connector = self.connector.ok_or_else(|| io::Error::other("TLS is switched off"))?;
            let name = ServerName::try_from(self.host).map_err(io::Error::other)?;
            connector.connect(name, stream).await.map(Wire)
        }
        .boxed()
    }
}

/// A stream inside TLS.
pub(super) struct Wire<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Wire<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let certificate = self.0.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        certificate
            .and_then(|certificate| chancery_crypto::tls::server_end_point(certificate))
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, out)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

//! A server that answers every request with the same bytes, or the first with others, over http or https, and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Who vouches for the certificate below.
pub const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/src/https/root.pem");
/// Signed for 127.0.0.1, ::1, localhost, app.example and what lies below it.
const CERTIFICATE: &[u8] = include_bytes!("../../../testkit/src/https/server.pem");
const KEY: &[u8] = include_bytes!("../../../testkit/src/https/server.key");

pub struct Server {
    pub base: String,
    pub port: u16,
    asked: Arc<AtomicUsize>,
}

impl Server {
    pub async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(vec![answer.into()], false, None).await
    }

    /// The first request so, and all others so.
    pub async fn answering_once(first: impl Into<Vec<u8>>, others: impl Into<Vec<u8>>) -> Self {
        Self::start(vec![first.into(), others.into()], false, None).await
    }

    /// The same over TLS.
    pub async fn https(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(vec![answer.into()], false, Some(tls())).await
    }

    /// Answers, and then holds the connection open without another byte.
    pub async fn stalling_after(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(vec![answer.into()], true, None).await
    }

    async fn start(answers: Vec<Vec<u8>>, stall: bool, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let base = format!("{}://127.0.0.1:{port}", if tls.is_some() { "https" } else { "http" });
        let asked = Arc::new(AtomicUsize::new(0));
        let (counter, answers) = (asked.clone(), Arc::new(answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, tls, counter) = (answers.clone(), tls.clone(), counter.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &answers, stall, counter).await,
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            serve(stream, &answers, stall, counter).await;
                        }
                    }
                });
            }
        });
        Self { base, port, asked }
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn tls() -> TlsAcceptor {
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).collect::<Result<_, _>>().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(chancery_crypto::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answers: &[Vec<u8>], stall: bool, asked: Arc<AtomicUsize>) {
    if !hear(&mut stream).await {
        return;
    }
    let before = asked.fetch_add(1, Ordering::SeqCst);
    let _ = stream.write_all(&answers[before.min(answers.len() - 1)]).await;
    let _ = stream.flush().await;
    if stall {
        std::future::pending::<()>().await;
    }
}

/// Reads a request's head; whether it came whole.
async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return false;
        }
    }
    true
}

/// A server that answers when the test does.
pub struct ByHand {
    pub base: String,
    listener: TcpListener,
}

/// A request that waits for its answer.
pub struct Asked(TcpStream);

impl ByHand {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { base: format!("http://{}", listener.local_addr().unwrap()), listener }
    }

    /// The next request.
    pub async fn asked(&self) -> Asked {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        assert!(hear(&mut stream).await);
        Asked(stream)
    }
}

impl Asked {
    pub async fn says(mut self, answer: &str) {
        self.0.write_all(answer.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }
}

pub fn ok(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

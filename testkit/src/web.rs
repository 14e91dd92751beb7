//! Somebody's web server, over https on loopback: it serves what a test puts there, well or badly, and counts who asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_crypto::tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Who vouches for these servers; every site believes it.
pub const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/https/root.pem");
/// Signed for 127.0.0.1, ::1 and localhost. The key is in the repository: it protects nothing.
const CERTIFICATE: &[u8] = include_bytes!("https/server.pem");
const KEY: &[u8] = include_bytes!("https/server.key");

/// What lies at a path, as bytes of HTTP/1.1.
#[derive(Clone)]
pub struct Reply {
    head: String,
    body: Vec<u8>,
    /// It never comes to an end.
    stalls: bool,
    /// It waits so long before it says anything.
    after: Duration,
    /// What happens before that.
    once: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// Cheap to clone; all clones are one server. It goes when its test is over.
#[derive(Clone)]
pub struct Web {
    base: String,
    served: Arc<Mutex<Served>>,
}

#[derive(Default)]
struct Served {
    replies: BTreeMap<String, Reply>,
    asked: BTreeMap<String, usize>,
    bodies: BTreeMap<String, Vec<String>>,
}

impl Reply {
    pub fn new(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\n{headers}");
        Self { head, body: body.into(), stalls: false, after: Duration::ZERO, once: None }
    }

    pub fn json(document: &Value) -> Self {
        Self::new(200, &[("content-type", "application/json")], document.to_string())
    }

    /// It says that there is more, and sends nothing.
    #[must_use]
    pub fn stalling(mut self) -> Self {
        self.stalls = true;
        self
    }

    /// Says nothing until this has happened.
    #[must_use]
    pub fn once(mut self, happened: impl Fn() + Send + Sync + 'static) -> Self {
        self.once = Some(Arc::new(happened));
        self
    }

    #[must_use]
    pub fn after(mut self, pause: Duration) -> Self {
        self.after = pause;
        self
    }
}

impl Web {
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let served = Arc::new(Mutex::new(Served::default()));
        let (acceptor, shared) = (acceptor(), Arc::downgrade(&served));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, Some(served)) = (acceptor.clone(), shared.upgrade()) else { return };
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let Some((path, body)) = request(&mut stream).await else { return };
                    let reply = lock(&served).reply(&path, body);
                    drop(served);
                    if let Some(once) = &reply.once {
                        once();
                    }
                    tokio::time::sleep(reply.after).await;
                    let length = if reply.stalls { reply.body.len() + 1 } else { reply.body.len() };
                    let head = format!("{}content-length: {length}\r\n\r\n", reply.head);
                    let _ = stream.write_all(head.as_bytes()).await;
                    let _ = stream.write_all(&reply.body).await;
                    let _ = stream.flush().await;
                    if reply.stalls {
                        std::future::pending::<()>().await;
                    }
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { base: format!("https://localhost:{port}"), served }
    }

    /// The address of a path, which begins with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn put(&self, path: &str, reply: Reply) {
        lock(&self.served).replies.insert(path.to_owned(), reply);
    }

    /// How often this path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        lock(&self.served).asked.get(path).copied().unwrap_or_default()
    }

    /// What was posted to this path, one after the other.
    pub fn posted(&self, path: &str) -> Vec<String> {
        lock(&self.served).bodies.get(path).cloned().unwrap_or_default()
    }

    /// How often anything was asked for.
    pub fn asked_in_all(&self) -> usize {
        lock(&self.served).asked.values().sum()
    }
}

impl Served {
    fn reply(&mut self, path: &str, body: String) -> Reply {
        self.bodies.entry(path.to_owned()).or_default().push(body);
        *self.asked.entry(path.to_owned()).or_default() += 1;
        self.replies.get(path).cloned().unwrap_or_else(|| Reply::new(404, &[], ""))
    }
}

fn acceptor() -> TlsAcceptor {
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).collect::<Result<_, _>>().expect("a certificate");
    let config = rustls::ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites")
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_slice(KEY).expect("a key"))
        .expect("they fit");
    TlsAcceptor::from(Arc::new(config))
}

/// The target and the body of the one request that a connection brings.
async fn request(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<(String, String)> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some((head.split(' ').nth(1)?.to_owned(), body.to_owned()));
            }
        }
        stream.read_buf(&mut request).await.ok().filter(|read| *read > 0)?;
    }
}

fn lock(served: &Mutex<Served>) -> MutexGuard<'_, Served> {
    served.lock().unwrap_or_else(PoisonError::into_inner)
}

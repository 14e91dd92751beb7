//! A client that sends the head of a request, and its body when a test says so.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far longer than anything here takes, and still an end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A POST that has begun, whose body its sender keeps back.
pub struct HeldBack {
    stream: TcpStream,
    body: Bytes,
}

impl HeldBack {
    /// Sends the head, until the server asks for the body: it has let in by then who asks.
    ///
    /// # Panics
    /// When it answers otherwise.
    pub async fn begin(request: Request<Bytes>) -> Self {
        let mut held = Self::with_head(request).await;
        let mut asked = [0; 25];
        timeout(PATIENCE, held.stream.read_exact(&mut asked)).await.expect("the server asks for the body").expect("it answers");
        assert_eq!(String::from_utf8_lossy(&asked), "HTTP/1.1 100 Continue\r\n\r\n");
        held
    }

    /// What the server says to the head alone, without asking for the body.
    pub async fn turned_away(request: Request<Bytes>) -> String {
        Self::with_head(request).await.answer().await
    }

    async fn with_head(request: Request<Bytes>) -> Self {
        let (head, body) = request.into_parts();
        let address = head.uri.authority().expect("an address").as_str();
        let mut text = format!("POST {} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n", head.uri.path(), body.len());
        for (name, value) in &head.headers {
            text += &format!("{name}: {}\r\n", value.to_str().expect("text"));
        }
        let mut stream = connect(address).await;
        stream.write_all(format!("{text}connection: close\r\nexpect: 100-continue\r\n\r\n").as_bytes()).await.expect("the server reads");
        Self { stream, body }
    }

    /// Sends it but for the last bytes, or as much as the server takes: it may have said enough, and hung up.
    ///
    /// # Panics
    /// When nobody reads it, nor hangs up.
    pub async fn send_all_but(&mut self, last: usize) {
        let most = self.body.split_to(self.body.len() - last);
        let _ = timeout(PATIENCE, self.stream.write_all(&most)).await.expect("the server takes it");
    }

    /// Sends the rest, and hears the whole answer.
    ///
    /// # Panics
    /// When none comes.
    pub async fn go_on(mut self) -> String {
        self.send_all_but(0).await;
        self.answer().await
    }

    /// Hears the whole answer, whatever was sent; nothing where the server hung up on what it had not read.
    ///
    /// # Panics
    /// When it does neither.
    pub async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, self.stream.read_to_end(&mut answer)).await.expect("the server answers");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[expect(clippy::disallowed_methods, reason = "the peer of a test's own server")]
async fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address).await.expect("the server listens")
}

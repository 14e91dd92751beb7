//! Somebody who asks and hangs up before the answer comes.

use bytes::Bytes;
use http::{Request, header};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request that was sent over a connection of its own.
pub struct Hasty(TcpStream);

impl Hasty {
    /// # Panics
    /// When nobody listens there.
    #[expect(clippy::disallowed_methods, reason = "the test is the client")]
    pub async fn asks(request: Request<Bytes>) -> Self {
        let (head, body) = request.into_parts();
        let host = head.uri.authority().expect("requests name an absolute URL");
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut text =
            format!("{} {path} HTTP/1.1\r\n{}: {host}\r\n{}: {}\r\n", head.method, header::HOST, header::CONTENT_LENGTH, body.len());
        for (name, value) in &head.headers {
            text += &format!("{name}: {}\r\n", value.to_str().expect("headers of tests are plain text"));
        }
        let mut stream = TcpStream::connect(host.as_str()).await.expect("the site listens");
        stream.write_all(format!("{text}\r\n").as_bytes()).await.expect("the site reads");
        stream.write_all(&body).await.expect("the site reads");
        Self(stream)
    }

    /// Hangs up, and waits until the other side has let go of the connection too, and so of whoever answered by it.
    ///
    /// # Panics
    /// When it was answered already.
    pub async fn leaves(mut self) {
        self.0.shutdown().await.expect("a connection");
        let mut answer = Vec::new();
        let _reset_or_not = self.0.read_to_end(&mut answer).await;
        assert!(answer.is_empty(), "it was answered: {}", String::from_utf8_lossy(&answer));
    }
}

//! An MCP server behind the gateway that keeps each request as the bytes it came in, and answers every one alike.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What it answers with.
pub const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}]}}"#;

/// Cheap to clone; all clones are one server, which stops with the test's runtime.
#[derive(Clone)]
pub struct Recorder {
    pub url: String,
    heard: Arc<Mutex<Vec<Reached>>>,
}

/// One request as it reached the server.
#[derive(Clone, Debug)]
pub struct Reached {
    pub head: String,
    pub body: Vec<u8>,
}

impl Reached {
    /// The names of its headers in lower case, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        names
    }

    /// The values of a header.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }
}

impl Recorder {
    pub async fn start() -> Self {
        let (listener, here) = chancery_testkit::listen().await;
        let recorder = Self { url: format!("{here}/mcp"), heard: Arc::default() };
        let shared = recorder.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(shared.clone().serve(stream));
            }
        });
        recorder
    }

    /// What reached it since it was asked last.
    pub fn take(&self) -> Vec<Reached> {
        std::mem::take(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut had = Vec::new();
        while let Some(reached) = next(&mut stream, &mut had).await {
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(reached);
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}", ANSWER.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// One request, read by its Content-Length; what it does not cover would be the next.
async fn next(stream: &mut TcpStream, had: &mut Vec<u8>) -> Option<Reached> {
    let end = loop {
        if let Some(end) = had.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(had).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&had[..end]).into_owned();
    let mut reached = Reached { head, body: Vec::new() };
    assert!(reached.values("transfer-encoding").is_empty(), "the gateway sends what it has read whole: {}", reached.head);
    let length = reached.values("content-length").first().and_then(|length| length.parse().ok()).unwrap_or(0);
    had.drain(..end);
    while had.len() < length {
        if stream.read_buf(had).await.ok()? == 0 {
            return None;
        }
    }
    reached.body = had.drain(..length).collect();
    Some(reached)
}

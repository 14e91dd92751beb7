//! A client that sends bytes as they are, and reads what comes back as HTTP/1.1.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A connection that says nothing for so long is taken to wait for more.
pub const SILENCE: Duration = Duration::from_secs(10);

/// All that came back on a connection.
pub struct Said {
    pub answers: Vec<Answer>,
    /// The server waited for more.
    pub open: bool,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

impl Said {
    /// The statuses in order, `after` for the honest request's, and `open` where the server waits.
    pub fn short(&self) -> String {
        let is_after = |answer: &Answer| answer.status == 200 && answer.body.contains("authorization_servers");
        let words = self.answers.iter().map(|answer| if is_after(answer) { "after".to_owned() } else { answer.status.to_string() });
        words.chain(self.open.then(|| "open".to_owned())).collect::<Vec<_>>().join(", ")
    }
}

#[expect(clippy::disallowed_methods, reason = "the peer of a test's own server")]
pub async fn connect(host: &str) -> TcpStream {
    TcpStream::connect(host).await.expect("the listener accepts")
}

/// Says this on a connection of its own, and reads until the server closes it or waits.
pub async fn say(host: &str, bytes: &[u8]) -> Said {
    let mut stream = connect(host).await;
    // A server that refuses what it reads closes before all of it is said.
    let (mut reader, mut writer) = stream.split();
    let (_, (came, open)) = tokio::join!(writer.write_all(bytes), read(&mut reader));
    Said { answers: answers(&came), open }
}

async fn read(reader: &mut (impl tokio::io::AsyncRead + Unpin)) -> (Vec<u8>, bool) {
    let mut came = Vec::new();
    loop {
        match timeout(SILENCE, reader.read_buf(&mut came)).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return (came, false),
            Err(_) => return (came, true),
        }
    }
}

/// Cuts a stream of answers into them.
fn answers(mut came: &[u8]) -> Vec<Answer> {
    let mut all = Vec::new();
    while let Some(end) = came.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&came[..end]).into_owned();
        came = &came[end + 4..];
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {head}"));
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        let taken = match length {
            Some(length) => {
                let body = &came[..came.len().min(length)];
                answer.body = String::from_utf8_lossy(body).into_owned();
                body.len()
            }
            None if answer.header("transfer-encoding").is_some() => {
                let end = came.windows(5).position(|window| window == b"0\r\n\r\n").map_or(came.len(), |end| end + 5);
                answer.body = String::from_utf8_lossy(&came[..end]).into_owned();
                end
            }
            None => 0,
        };
        came = &came[taken..];
        all.push(answer);
    }
    all
}

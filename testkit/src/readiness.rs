//! Waiting for a server of somebody else's that was just started, from a thread that may wait.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any of them takes, also on a machine that is busy with other tests.
const TRIES: usize = 1200;

/// Whether the server at this port answers `path` with 200, in the end.
pub(crate) fn comes_up(port: u16, path: &str) -> bool {
    (0..TRIES).any(|_| {
        let answered = answers(port, path).unwrap_or(false);
        if !answered {
            std::thread::sleep(Duration::from_millis(100));
        }
        answered
    })
}

fn answers(port: u16, path: &str) -> std::io::Result<bool> {
    #[expect(clippy::disallowed_methods, reason = "a test looks at a server it started on loopback")]
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    Ok(line.ends_with(b" 200"))
}

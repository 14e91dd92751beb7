//! SIGTERM drains, a second one ends.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use chancery_testkit::Folder;

use crate::process::{Running, configuration, free_port};

#[test]
fn a_first_sigterm_drains() {
    let (folder, port) = (Folder::new(), free_port());
    configuration(&folder, port);
    let mut server = Running::start(&folder, &["serve"], "listening on");
    let mut idle = connect(port);
    ask(&mut idle, "/t/acme/jwks");

    server.signal("TERM");

    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0, "a connection that says nothing is closed");
    assert!(!folder.path().join("data/admin.sock").exists(), "the socket is gone with the server");
}

#[test]
fn a_second_sigterm_ends() {
    let (folder, port) = (Folder::new(), free_port());
    configuration(&folder, port);
    let mut server = Running::start(&folder, &["serve"], "listening on");
    // A request whose body never comes: a drain would wait for it.
    let mut slow = connect(port);
    slow.write_all(
        b"POST /t/acme/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 9\r\n\r\n",
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(300));

    server.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    server.signal("TERM");

    assert_eq!(server.wait().code(), Some(9));
}

#[expect(clippy::disallowed_methods, reason = "the peer of a test's own server")]
fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a duration that is none of nothing");
    stream
}

fn ask(stream: &mut TcpStream, path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).expect("the server reads");
    let mut answer = Vec::new();
    while !answer.ends_with(b"]}") {
        let mut more = [0; 4096];
        let read = stream.read(&mut more).expect("the server answers");
        assert!(read > 0, "the answer broke off: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&more[..read]);
    }
}

//! A relay between a test and a server on loopback, for what networks do: it swallows what it is sent and says nothing, or it hangs up.
//!
//! Nothing but tokio is used here, so that the tests of a room far below this one can take the file as it is.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Lives until it is dropped; its connections go with it.
pub struct Relay {
    port: u16,
    mode: watch::Sender<Mode>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Passes,
    Swallows,
    HangsUp,
}

impl Relay {
    /// To the server at this address of loopback.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let mode = watch::Sender::new(Mode::Passes);
        tokio::spawn(accept(listener, server, mode.subscribe()));
        Self { port, mode }
    }

    /// The same URL of a database on 127.0.0.1, by way of a relay.
    pub async fn to_database(url: &str) -> (Self, String) {
        let (before, rest) = url.split_once("@127.0.0.1:").expect("a test's database is on loopback");
        let (port, after) = rest.split_once('/').expect("a port and a name");
        let relay = Self::to((Ipv4Addr::LOCALHOST, port.parse().expect("a port")).into()).await;
        let by_way = format!("{before}@127.0.0.1:{}/{after}", relay.port);
        (relay, by_way)
    }

    /// From now on nothing passes. What is connected stays so, and never hears anything again, as behind a firewall that forgot.
    pub fn swallows(&self) {
        let _before = self.mode.send_replace(Mode::Swallows);
    }

    /// Ends all connections, and each new one at once.
    pub fn hangs_up(&self) {
        let _before = self.mode.send_replace(Mode::HangsUp);
    }

    /// Lets new connections pass.
    pub fn passes(&self) {
        let _before = self.mode.send_replace(Mode::Passes);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, mut mode: watch::Receiver<Mode>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((near, _)) = accepted {
                tokio::spawn(relay(near, server, mode.clone()));
            },
            gone = mode.changed() => if gone.is_err() { return },
        }
    }
}

async fn relay(mut near: TcpStream, server: SocketAddr, mut mode: watch::Receiver<Mode>) {
    #[expect(clippy::disallowed_methods, reason = "a test relays to a server that it started on loopback")]
    let connected = TcpStream::connect(server).await;
    let Ok(mut far) = connected else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => return,
        _ = mode.wait_for(|mode| *mode != Mode::Passes) => {}
    }
    let _ = mode.wait_for(|mode| *mode == Mode::HangsUp).await;
}

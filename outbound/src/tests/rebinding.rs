//! A name that changes its mind, and a network that leads elsewhere. The network is one of the test's own: it says what it is told, writes
//! down whom it was asked to connect to, and leads every connection to one server on loopback.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Uri;
use tokio::net::TcpStream;

use super::server::{Server, ok};
use super::*;
use crate::network::Machine;
use crate::{DialError, Network, Proxy, Trust};

/// Answers look-ups from a list, one after the other.
pub struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    pub connected: Mutex<Vec<SocketAddr>>,
    leads_to: Option<SocketAddr>,
}

impl Script {
    pub fn saying(answers: &[&[&str]], leads_to: Option<SocketAddr>) -> Arc<Self> {
        let answers = answers.iter().map(|addresses| addresses.iter().map(|address| address.parse().unwrap()).collect());
        Arc::new(Self { answers: Mutex::new(answers.collect()), connected: Mutex::default(), leads_to })
    }
}

impl Network for Script {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let next = self.answers.lock().unwrap().pop_front().ok_or_else(|| io::Error::other("asked too often"));
        async move { Ok(next?.into_iter().map(|address| SocketAddr::new(address, port)).collect()) }.boxed()
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        self.connected.lock().unwrap().push(to);
        async move { Machine.connect(self.leads_to.filter(|_| !to.ip().is_loopback()).unwrap_or(to)).await }.boxed()
    }
}

async fn dial_on(script: &Arc<Script>, trust: Trust) -> Result<(), DialError> {
    let to: Uri = "https://app.example/client.json".parse().unwrap();
    dialer(Reach::Anywhere).on(script.clone()).dial(&to, trust).await.map(drop)
}

#[tokio::test]
async fn ci_04_a_name_is_resolved_once_and_that_is_where_we_go() {
    let server = Server::https(ok("", "{}")).await;
    let here = SocketAddr::from(([127, 0, 0, 1], server.port));
    let script = Script::saying(&[&["93.184.216.34"], &["127.0.0.1"]], Some(here));

    let refused = dial_on(&script, Trust::Peer).await;

    let connected = script.connected.lock().unwrap().clone();
    assert_eq!(connected, ["93.184.216.34:443".parse().unwrap()], "the first answer, and nothing that was said later");
    assert_eq!(script.answers.lock().unwrap().len(), 1, "nobody asked twice");
    // The network led us to loopback all the same, which the second look at the peer sees.
    assert!(matches!(&refused, Err(DialError::Unreachable { why, .. }) if why.contains("was connected to 127.0.0.1")), "{refused:?}");
    assert_eq!(server.asked(), 0);

    let later = dial_on(&script, Trust::Peer).await;
    assert!(matches!(later, Err(DialError::NotAllowed { .. })), "{later:?}");
    assert_eq!(script.connected.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn ci_04_of_mixed_addresses_only_the_public_are_tried() {
    let mixed: &[&str] = &[
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "10.0.0.7",
        "100.64.0.1",
        "fd00::1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ];
    let script = Script::saying(&[mixed], None);
    assert!(matches!(dial_on(&script, Trust::Peer).await, Err(DialError::NotAllowed { .. })));
    assert!(script.connected.lock().unwrap().is_empty());
}

#[tokio::test]
async fn ci_04_through_a_proxy_a_peers_host_is_asked_for_by_the_address_we_checked() {
    let proxy = super::proxy::Tunnels::start("").await;
    let script = Script::saying(&[&["127.0.0.1", "93.184.216.34"], &["127.0.0.1"]], None);
    let settings = Settings { proxy: Some(Proxy::at(&proxy.address).unwrap()), ..Settings::of(Reach::Anywhere) };
    let dialer = Dialer::new(&settings).unwrap().on(script.clone());
    let to: Uri = "https://app.example/client.json".parse().unwrap();

    let refused = dialer.dial(&to, Trust::Peer).await.map(drop);
    assert!(matches!(refused, Err(DialError::Proxy { .. })), "this proxy leads only to loopback: {refused:?}");
    assert_eq!(proxy.asked(), ["93.184.216.34:443"]);

    let refused = dialer.dial(&to, Trust::Peer).await.map(drop);
    assert!(matches!(refused, Err(DialError::NotAllowed { .. })), "{refused:?}");
    assert_eq!(proxy.asked().len(), 1, "nobody asked the proxy for the inside");
}

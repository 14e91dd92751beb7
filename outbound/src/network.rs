//! The machine's network as the dialer uses it: names to addresses, and connections to addresses. Nothing between may choose another
//! address, which is why the two are apart; a test puts a resolver here that changes its mind.

use std::io;
use std::net::SocketAddr;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::net::{TcpStream, lookup_host};

pub trait Network: Send + Sync {
    /// The addresses of a name, asked once for each connection.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;

    /// A connection to this very address.
    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>>;
}

/// The operating system's own.
pub(crate) struct Machine;

#[expect(clippy::disallowed_methods, reason = "this is the guard that everybody else goes through")]
impl Network for Machine {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        async move { lookup_host((host, port)).await.map(Iterator::collect) }.boxed()
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        TcpStream::connect(to).boxed()
    }
}

//! The listener: an accept loop of our own, since a bound on connections, on the time a header may take and on a drain is what keeps a
//! server standing (facts: `axum::serve` has none of them).
//!
//! 1. wait for room, accept [within bounds for each peer](peers); 2. serve HTTP/1.1 or HTTP/2, request bodies [in time](paced), each
//!    request with [who asks](source); 3. on drain: no new connections, open ones finish their answer;
//! 4. at the deadline, or at the second signal, what is still open (streams) is cut.

mod paced;
mod peers;
mod source;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::exit::{Exit, Failure};
use crate::stop::Stop;
use paced::Paced;
use peers::{Peers, Place};
pub use source::Proxies;

/// Connections beyond these wait in the kernel's queue.
pub const MOST_CONNECTIONS: usize = 8_192;
/// More from one address are closed at once. It is this many because all of a reverse proxy's come from one.
const MOST_OF_A_PEER: usize = MOST_CONNECTIONS / 4;
/// What one HTTP/2 connection may ask at once.
const MOST_STREAMS: u32 = 32;
/// A connection that has not said all of its next header by then is closed; so is one that was idle for so long.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// A request whose body has not come by then is given up, however it trickles: the largest is 4 MiB.
const BODY_TIME: Duration = Duration::from_secs(30);
/// When accepting fails for want of file descriptors, trying again at once would only burn the processor.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Binds an address.
///
/// # Errors
/// [`Exit::Address`], saying whether it is taken, not ours, or not allowed.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    use std::io::ErrorKind;
    TcpListener::bind(address).await.map_err(|error| {
        let failure = Failure::new(Exit::Address, format!("cannot listen on {address}"));
        match error.kind() {
            ErrorKind::AddrInUse => failure
                .because("another program already listens there")
                .remedy(format!("stop that program (`ss -ltnp 'sport = :{}'` names it), or choose another port", address.port())),
            ErrorKind::AddrNotAvailable => failure
                .because("this machine has no such address")
                .remedy("listen on an address of this machine, such as 127.0.0.1 or 0.0.0.0"),
            ErrorKind::PermissionDenied => failure
                .because("this user may not listen there")
                .remedy("choose a port from 1024 up, or grant the right (CAP_NET_BIND_SERVICE)"),
            _ => failure.because(error).remedy("check the address and the machine's network"),
        }
    })
}

/// How a listener stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drained {
    /// Every answer was finished.
    Fully,
    /// So many connections were cut at the deadline: streams have no end of their own.
    AtDeadline(usize),
    /// The second signal came first.
    CutShort,
}

impl Drained {
    pub fn exit(self) -> Exit {
        match self {
            Self::Fully => Exit::Done,
            Self::AtDeadline(cut) => {
                tracing::warn!(cut, "connections were cut: they had not finished when the drain's time was over");
                Exit::Done
            }
            Self::CutShort => Exit::CutShort,
        }
    }
}

/// Serves until told to stop, and returns when no connection is left.
pub async fn serve(listener: TcpListener, router: Router, proxies: Proxies, stop: Stop) -> Drained {
    serve_within(Room::new(MOST_CONNECTIONS, MOST_OF_A_PEER), listener, router, (proxies, stop)).await
}

async fn serve_within(room: Room, listener: TcpListener, router: Router, (proxies, stop): (Proxies, Stop)) -> Drained {
    let graceful = GracefulShutdown::new();
    let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
    while let Some((stream, peer, held)) = next(&listener, &room, &stop.drain).await {
        let asking = Asking { peer, proxies: proxies.clone() };
        let connection = Connection { router: router.clone(), asking, drain: stop.drain.clone(), cut: cut.clone(), _held: held };
        connections.spawn(connection.run(stream, graceful.watcher()));
    }
    drop(listener);
    connections.close();
    let drained = tokio::select! {
        () = finished(graceful, &connections) => Drained::Fully,
        () = tokio::time::sleep(stop.patience) => Drained::AtDeadline(connections.len()),
        () = stop.end.cancelled() => Drained::CutShort,
    };
    cut.cancel();
    connections.wait().await;
    drained
}

async fn finished(graceful: GracefulShutdown, connections: &TaskTracker) {
    graceful.shutdown().await;
    connections.wait().await;
}

/// The places there are.
struct Room {
    places: Arc<Semaphore>,
    peers: Peers,
}

impl Room {
    fn new(connections: usize, of_a_peer: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(connections)), peers: Peers::new(of_a_peer) }
    }
}

/// What a connection holds of them until it is over.
struct Held {
    _place: OwnedSemaphorePermit,
    _of_peer: Place,
}

/// The next connection and its place, or nothing once a drain began.
async fn next(listener: &TcpListener, room: &Room, drain: &CancellationToken) -> Option<(TcpStream, IpAddr, Held)> {
    let accept = async {
        let place = Arc::clone(&room.places).acquire_owned().await.expect("nobody closes this semaphore");
        loop {
            match listener.accept().await {
                Ok((stream, from)) => match room.peers.admit(from.ip()) {
                    Some(of_peer) => return (stream, from.ip(), Held { _place: place, _of_peer: of_peer }),
                    None => tracing::debug!(%from, "a connection was closed: its peer has too many"),
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = drain.cancelled() => None,
        accepted = accept => Some(accepted),
    }
}

/// At whose end of the connection requests come in.
struct Asking {
    peer: IpAddr,
    proxies: Proxies,
}

struct Connection {
    router: Router,
    asking: Asking,
    drain: CancellationToken,
    cut: CancellationToken,
    _held: Held,
}

impl Connection {
    async fn run(self, stream: TcpStream, watcher: hyper_util::server::graceful::Watcher) {
        let _ = stream.set_nodelay(true); // only speed is lost where it fails
        if !says_something(&stream, &self.drain).await {
            return;
        }
        let builder = server();
        let Asking { peer, proxies } = self.asking;
        let service = self.router.map_request(move |mut request: Request<Incoming>| {
            let source = proxies.source(peer, request.headers());
            request.extensions_mut().insert(source);
            request.map(|body| Paced::new(body, BODY_TIME))
        });
        let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        tokio::select! {
            served = watcher.watch(connection.into_owned()) => {
                if let Err(error) = served {
                    tracing::debug!(%error, "a connection ended early");
                }
            }
            () = self.cut.cancelled() => {}
        }
    }
}

/// Whether the peer sent its first byte in time: hyper's own clock starts only once the protocol is known.
async fn says_something(stream: &TcpStream, drain: &CancellationToken) -> bool {
    tokio::select! {
        readable = tokio::time::timeout(HEADER_TIME, stream.readable()) => matches!(readable, Ok(Ok(()))),
        () = drain.cancelled() => false,
    }
}

fn server() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(HEADER_TIME)).max_concurrent_streams(MOST_STREAMS);
    builder
}

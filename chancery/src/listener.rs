//! The listener: an accept loop of our own, since a bound on connections, on the time a header may take and on a drain is what keeps a
//! server standing (facts: `axum::serve` has none of them).
//!
//! 1. wait for room, accept [within bounds for each peer](peers); 2. serve HTTP/1.1 or HTTP/2, requests with [one reading](head) alone,
//!    their bodies [in time](paced), each with [who asks](source); 3. what is [of no use](pulse) any more is closed;
//! 4. on drain: no new connections, open ones finish their answer; 5. at the deadline, or at the second signal, what is still open
//!    is cut (shortly before, the gateway has brought to an end what it could).

mod head;
mod paced;
mod peers;
mod pulse;
mod source;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::exit::{Exit, Failure};
use crate::stop::Stop;
use paced::Paced;
use peers::{Peers, Place};
use pulse::{Pulse, Told};
pub use source::Proxies;

/// Connections beyond these wait in the kernel's queue.
pub const MOST_CONNECTIONS: usize = 8_192;
/// More from one address are closed at once. It is this many because all of a reverse proxy's come from one.
const MOST_OF_A_PEER: usize = MOST_CONNECTIONS / 4;
/// What one HTTP/2 connection may ask at once.
const MOST_STREAMS: u32 = 32;
/// What the line and the headers of an HTTP/1.1 request may hold together, and what of an answer waits for a peer to read it.
const MOST_BUFFERED: usize = 64 * 1024;
/// The same of an HTTP/2 request's headers, unpacked.
const MOST_HEADERS: u32 = 32 * 1024;
/// A connection that has not said all of its next header by then is closed.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// A connection that was of no use for so long is told to go.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// One that does not go, since its peer does not read, is cut. The kernel holds megabytes of an answer, so a slow reader seems still for long.
const UNREAD_TIME: Duration = Duration::from_secs(120);
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
    let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
    while let Some((stream, peer, held)) = next(&listener, &room, &stop.drain).await {
        let asking = Asking { router: router.clone(), peer, proxies: proxies.clone(), pulse: Pulse::default() };
        let connection = Connection { asking, drain: stop.drain.clone(), cut: cut.clone(), _held: held };
        connections.spawn(connection.run(stream));
    }
    drop(listener);
    connections.close();
    let drained = tokio::select! {
        () = connections.wait() => Drained::Fully,
        () = tokio::time::sleep(stop.patience) => Drained::AtDeadline(connections.len()),
        () = stop.end.cancelled() => Drained::CutShort,
    };
    cut.cancel();
    connections.wait().await;
    drained
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

/// At whose end of the connection requests come in, and who answers them.
struct Asking {
    router: Router,
    peer: IpAddr,
    proxies: Proxies,
    pulse: Pulse,
}

impl Asking {
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Result<Response<Told<Body>>, Infallible>> + use<> {
        let (router, pulse, owed) = (self.router.clone(), self.pulse.clone(), self.pulse.owes());
        let (mut head, body) = request.into_parts();
        let readable = head::has_one_reading(&head);
        head.extensions.insert(self.proxies.source(self.peer, &head.headers));
        async move {
            let answer = match readable {
                Ok(()) => router.oneshot(Request::from_parts(head, Paced::new(body, BODY_TIME))).await?,
                Err(ambiguous) => ambiguous.refused(head.version),
            };
            drop(owed);
            Ok(answer.map(|body| Told::new(body, pulse)))
        }
    }
}

struct Connection {
    asking: Asking,
    drain: CancellationToken,
    cut: CancellationToken,
    _held: Held,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true); // only speed is lost where it fails
        let Self { asking, drain, cut, _held } = self;
        let (builder, pulse) = (server(), asking.pulse.clone());
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service_fn(|request| asking.answer(request))));
        let served = tokio::select! {
            served = connection.as_mut() => Some(served),
            () = drain.cancelled() => None,
            () = pulse.stops(IDLE_TIME) => None,
            () = cut.cancelled() => return,
        };
        let served = match served {
            Some(served) => served,
            None => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    served = connection => served,
                    () = pulse.stops(UNREAD_TIME) => return,
                    () = cut.cancelled() => return,
                }
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

fn server() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(MOST_BUFFERED);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(HEADER_TIME));
    builder.http2().max_concurrent_streams(MOST_STREAMS).max_header_list_size(MOST_HEADERS);
    builder
}

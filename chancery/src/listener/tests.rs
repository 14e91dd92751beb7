mod held;

use std::convert::Infallible;
use std::net::Ipv4Addr;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const SOON: Duration = Duration::from_millis(100);

async fn serving(stop: &Stop) -> (TcpStream, tokio::task::JoinHandle<Drained>) {
    let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let endless = || async {
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from("data: hello\n\n"))]);
        Body::from_stream(futures_util::StreamExt::chain(first, stream::pending()))
    };
    let router = Router::new().route("/", get(async || "here")).route("/endless", get(endless)).route("/", post(async |body: String| body));
    let served = tokio::spawn(serve(listener, router, Proxies::default(), stop.clone()));
    (connect(address).await, served)
}

#[expect(clippy::disallowed_methods, reason = "the peer of a test's own server")]
async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

async fn connect_from(source: Ipv4Addr, address: SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(address).await.unwrap()
}

async fn ask(stream: &mut TcpStream, request: &str, until: &str) {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(until) {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn a_peer_with_too_many_connections_is_closed_and_the_others_are_served() {
    let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), Stop::new());
    let router = Router::new().route("/", get(async || "here"));
    let served = tokio::spawn(serve_within(Room::new(4, 2), listener, router, (Proxies::default(), stop.clone())));
    let (mut first, mut second) = (connect(address).await, connect(address).await);
    for open in [&mut first, &mut second] {
        ask(open, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", "here").await;
    }

    let mut third = connect(address).await;
    assert!(!matches!(third.read(&mut [0]).await, Ok(1..)), "it was not closed");
    let mut other = connect_from(Ipv4Addr::new(127, 0, 0, 2), address).await;
    ask(&mut other, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", "here").await;

    // A place that was left is somebody's again.
    drop(first);
    loop {
        let mut again = connect(address).await;
        again.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        if matches!(again.read(&mut [0]).await, Ok(1)) {
            break;
        }
    }
    stop.drain.cancel();
    assert_eq!(served.await.unwrap(), Drained::Fully);
}

#[tokio::test]
async fn a_drain_waits_for_nobody_who_is_idle() {
    let stop = Stop::new();
    let (mut idle, served) = serving(&stop).await;
    ask(&mut idle, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", "here").await;
    stop.drain.cancel();
    assert_eq!(served.await.unwrap(), Drained::Fully);
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_drain_finishes_what_was_begun() {
    let stop = Stop::new();
    let (mut slow, served) = serving(&stop).await;
    slow.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nov").await.unwrap();
    tokio::time::sleep(SOON).await;
    stop.drain.cancel();
    tokio::time::sleep(SOON).await;
    ask(&mut slow, "er", "over").await;
    assert_eq!(served.await.unwrap(), Drained::Fully);
}

#[tokio::test]
async fn a_stream_without_an_end_is_cut_at_the_deadline() {
    let stop = Stop::new().with_patience(SOON);
    let (mut reader, served) = serving(&stop).await;
    ask(&mut reader, "GET /endless HTTP/1.1\r\nhost: x\r\n\r\n", "hello").await;
    stop.drain.cancel();
    assert_eq!(served.await.unwrap(), Drained::AtDeadline(1));
}

#[tokio::test]
async fn the_second_switch_waits_for_nothing() {
    let stop = Stop::new();
    let (mut reader, served) = serving(&stop).await;
    ask(&mut reader, "GET /endless HTTP/1.1\r\nhost: x\r\n\r\n", "hello").await;
    stop.drain.cancel();
    stop.end.cancel();
    assert_eq!(served.await.unwrap(), Drained::CutShort);
}

#[tokio::test]
async fn a_taken_address_is_told_as_such() {
    let first = bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let failure = bind(first.local_addr().unwrap()).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Address);
    assert!(failure.why.contains("already listens"), "{failure}");
}

#[tokio::test]
async fn an_http_2_connection_is_told_how_much_it_may_ask_at_once() {
    const MAX_CONCURRENT_STREAMS: u16 = 3; // RFC 9113 §6.5.2
    let (mut peer, _served) = serving(&Stop::new()).await;
    peer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();

    let mut header = [0; 9];
    peer.read_exact(&mut header).await.unwrap();
    let mut settings = vec![0; usize::from(header[2])];
    peer.read_exact(&mut settings).await.unwrap();

    let told = settings.chunks_exact(6).find(|setting| u16::from_be_bytes([setting[0], setting[1]]) == MAX_CONCURRENT_STREAMS).unwrap();
    assert_eq!(told[2..], 32_u32.to_be_bytes());
}

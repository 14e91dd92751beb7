//! Connections that somebody holds for their own sake, on a clock that passes when nothing else happens.

use std::net::Ipv4Addr;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout};

use crate::listener::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// SETTINGS without any, and with a window for nothing.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
const NO_WINDOW: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0";
/// `GET http://x/` on stream 1, which is all that is said there.
const GET: &[u8] = b"\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01x";
const PING: u8 = 6;
const ACK: u8 = 1;

/// More than a connection is given that goes when it is told.
const BOUND: Duration = Duration::from_secs(65);
/// More than one that does not.
const CUT: Duration = Duration::from_secs(310);

async fn listening() -> SocketAddr {
    let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let piece = || Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 65_536]));
    let large = move || async move { Body::from_stream(stream::iter((0..1_000).map(move |_| piece()))) };
    let endless = || async { Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()) };
    let router = Router::new().route("/", get(async || "here")).route("/endless", get(endless)).route("/large", get(large));
    let router = router.route("/", post(async |body: String| body));
    tokio::spawn(serve(listener, router, Proxies::default(), Stop::new()));
    address
}

#[expect(clippy::disallowed_methods, reason = "the peer of a test's own server")]
async fn saying(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// How long until the server closed it, read all the while; nothing where it did not.
async fn closed(mut stream: TcpStream) -> Option<Duration> {
    let began = Instant::now();
    let mut had = Vec::new();
    let end = async { while matches!(stream.read_buf(&mut had).await, Ok(1..)) {} };
    timeout(BOUND, end).await.ok().map(|()| began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn who_says_half_a_greeting_is_not_waited_for() {
    let address = listening().await;
    for half in
        [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM", PREFACE, b"GET / HTTP/1.1\r\nhost: x\r\n", b"GET / HTTP/1.1\r\nhost: x\r\n\r\nG"]
    {
        let took = closed(saying(address, half).await).await;
        assert!(took.is_some_and(|took| took <= 2 * IDLE_TIME + Duration::from_secs(1)), "{:?}: {took:?}", String::from_utf8_lossy(half));
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_now_and_then_does_not_wind_up_the_clock() {
    let mut stream = saying(listening().await, b"GET / HTTP/1.1\r\n").await;
    let began = Instant::now();
    loop {
        sleep(Duration::from_secs(5)).await;
        let gone = stream.write_all(b"a: b\r\n").await.is_err()
            || matches!(timeout(Duration::ZERO, stream.read(&mut [0])).await, Ok(Ok(0) | Err(_)));
        if gone {
            break;
        }
        assert!(began.elapsed() < BOUND, "a peer that drips headers is waited for");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_given_up() {
    let mut stream = saying(listening().await, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n").await;
    let began = Instant::now();
    while timeout(Duration::from_secs(5), stream.read(&mut [0])).await.is_err() {
        assert!(began.elapsed() < BOUND, "a peer that drips a body is waited for");
        let _ = stream.write_all(b"x").await;
    }
}

/// A peer of HTTP/2 that keeps its connection alive.
async fn answering_pings(mut stream: TcpStream) -> Option<Duration> {
    let began = Instant::now();
    let alive = async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return;
            }
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            if stream.read_exact(&mut payload).await.is_err() {
                return;
            }
            if head[3] == PING && head[4] & ACK == 0 {
                let _ = stream.write_all(&[&[0, 0, 8, PING, ACK, 0, 0, 0, 0], payload.as_slice()].concat()).await;
            }
        }
    };
    timeout(CUT, alive).await.ok().map(|()| began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn an_http_2_connection_that_asks_for_nothing_is_closed_however_alive() {
    let address = listening().await;
    let idle = answering_pings(saying(address, &[PREFACE, SETTINGS].concat()).await).await;
    assert!(idle.is_some_and(|took| took < 2 * BOUND), "{idle:?}");
    let answered = answering_pings(saying(address, &[PREFACE, SETTINGS, GET].concat()).await).await;
    assert!(answered.is_some_and(|took| took < 2 * BOUND), "{answered:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_takes_is_dropped() {
    let address = listening().await;
    // Over HTTP/2, for which there is no window.
    let no_window = answering_pings(saying(address, &[PREFACE, NO_WINDOW, GET].concat()).await).await;
    assert!(no_window.is_some(), "{no_window:?}");

    // Over HTTP/1.1, until the kernel holds no more.
    let mut unread = saying(address, b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sleep(CUT).await;
    let mut came = Vec::new();
    let _ = unread.read_to_end(&mut came).await;
    assert!(!came.is_empty() && came.len() < 60_000_000, "all {} bytes of it were kept for whoever did not read", came.len());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_waited_for_is_not() {
    let address = listening().await;
    let mut stream = saying(address, b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let _head = stream.read(&mut [0; 1024]).await.unwrap();
    assert!(timeout(100 * BOUND, stream.read(&mut [0])).await.is_err(), "a silent stream was closed");

    // Nor one that is read slowly.
    let mut slow = saying(address, b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let (mut piece, mut came) = (vec![0; 65_536], 0);
    while let Ok(read @ 1..) = slow.read(&mut piece).await {
        came += read;
        sleep(Duration::from_secs(1)).await;
    }
    assert!(came > 65_536_000, "it was cut at {came}");
}

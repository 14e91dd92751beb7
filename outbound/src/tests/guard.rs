use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use tokio::net::TcpListener;

use super::server::{ByHand, Server, ok};
use super::*;
use crate::{Body, DialError, Trust, UpstreamError, Upstreams};

async fn dial(to: &str, trust: Trust, reach: Reach) -> Option<DialError> {
    let to: Uri = url::Url::parse(to).unwrap().as_str().parse().unwrap();
    dialer(reach).dial(&to, trust).await.err()
}

#[tokio::test]
async fn ci_04_a_peers_address_is_refused_however_it_is_spelled() {
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "2852039166",
        "100.64.0.1",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fd00::1]",
        "[fe80::1]",
    ] {
        let refused = dial(&format!("https://{host}/client.json"), Trust::Peer, Reach::Anywhere).await;
        assert!(matches!(refused, Some(DialError::NotAllowed { .. })), "{host}: {refused:?}");
    }
}

/// The same hosts, without the WHATWG parser in front that makes them plain.
#[tokio::test]
async fn ci_04_a_host_that_only_the_resolver_understands_is_refused_too() {
    for host in ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost"] {
        let to: Uri = format!("https://{host}/").parse().unwrap();
        let refused = dialer(Reach::Anywhere).dial(&to, Trust::Peer).await.err();
        assert!(matches!(refused, Some(DialError::NotAllowed { .. } | DialError::Unresolved { .. })), "{host}: {refused:?}");
    }
}

#[tokio::test]
async fn a_peers_address_is_https() {
    assert_eq!(dial("http://8.8.8.8/", Trust::Peer, Reach::Anywhere).await, Some(DialError::Insecure));
    for other in ["ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/"] {
        let to: Result<Uri, _> = other.parse();
        let Ok(to) = to else { continue };
        let refused = dialer(Reach::Anywhere).dial(&to, Trust::Operator).await.err();
        assert_eq!(refused, Some(DialError::NotAnAddress), "{other}");
    }
}

#[tokio::test]
async fn ci_04_a_peers_address_is_no_service_behind_a_low_port() {
    for port in [1, 22, 25, 80, 1023] {
        let refused = dial(&format!("https://8.8.8.8:{port}/"), Trust::Peer, Reach::LoopbackOnly).await;
        assert_eq!(refused, Some(DialError::OddPort(port)));
    }
    for port in [443, 1024, 8443] {
        let refused = dial(&format!("https://8.8.8.8:{port}/"), Trust::Peer, Reach::LoopbackOnly).await;
        assert!(matches!(refused, Some(DialError::NotAllowed { .. })), "{port}: {refused:?}");
    }
}

#[tokio::test]
async fn a_peers_listed_address_is_https_and_may_be_inside() {
    let server = Server::https(ok("", "{}")).await;
    assert_eq!(dial(&server.base, Trust::Listed, Reach::Anywhere).await, None);
    assert_eq!(dial("http://127.0.0.1/", Trust::Listed, Reach::Anywhere).await, Some(DialError::Insecure));
}

#[tokio::test]
async fn an_operators_address_may_be_on_this_computer() {
    let server = Server::answering(ok("", "{}")).await;
    assert_eq!(dial(&server.base, Trust::Operator, Reach::Anywhere).await, None);
    assert_eq!(dial(&server.base, Trust::Operator, Reach::LoopbackOnly).await, None);
}

#[tokio::test]
async fn loopback_only_refuses_everything_else() {
    for host in ["8.8.8.8", "10.0.0.1", "0.0.0.0", "[2606:4700::1111]", "[::ffff:8.8.8.8]", "[fe80::1]"] {
        let refused = dial(&format!("http://{host}/"), Trust::Operator, Reach::LoopbackOnly).await;
        assert!(matches!(refused, Some(DialError::NotAllowed { .. })), "{host}: {refused:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_was_not_reached() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let outcome = send(&format!("http://{gone}/mcp")).await;
    assert!(matches!(outcome, Err(UpstreamError::NotReached(_))), "{outcome:?}");
    let outcome = send("http://10.0.0.1/mcp").await;
    assert!(matches!(outcome, Err(UpstreamError::NotReached(why)) if why.contains("10.0.0.1")));
}

#[tokio::test]
async fn an_upstream_that_hangs_up_may_have_done_its_work() {
    let server = Server::answering("").await;
    let outcome = send(&server.base).await;
    assert!(matches!(outcome, Err(UpstreamError::Broken(_))), "{outcome:?}");
    assert_eq!(server.asked(), 1, "a request that may have arrived is not sent again");
}

#[tokio::test]
async fn an_upstream_that_was_not_reached_is_told_as_that_however_soon_its_answer_must_begin() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (upstreams, request) = (Upstreams::new(&dialer(Reach::LoopbackOnly)), get(&format!("https://{}/", silent.local_addr().unwrap())));
    let (outcome, _held) = tokio::join!(upstreams.send_within(SECOND, request), async {
        let held = silent.accept().await.unwrap();
        tokio::time::pause(); // no TLS ever comes about
        held
    });
    assert!(matches!(outcome, Err(UpstreamError::NotReached(_))), "{outcome:?}");
}

#[tokio::test]
async fn an_upstream_whose_answer_begins_too_late_may_have_done_its_work() {
    let server = ByHand::start().await;
    let upstreams = Upstreams::new(&dialer(Reach::LoopbackOnly));
    let (outcome, _held) = tokio::join!(upstreams.send_within(SECOND, get(&server.base)), async {
        let held = server.asked().await;
        tokio::time::pause();
        held
    });
    assert!(matches!(&outcome, Err(UpstreamError::Broken(why)) if why.contains("within 1 s")), "{outcome:?}");
}

#[tokio::test]
async fn an_upstreams_redirect_is_handed_back_as_it_is() {
    let elsewhere = Server::answering(ok("", "elsewhere")).await;
    let server = Server::answering(redirect(&elsewhere.base)).await;
    assert_eq!(send(&server.base).await.unwrap(), 307);
    assert_eq!(elsewhere.asked(), 0);
}

async fn send(to: &str) -> Result<u16, UpstreamError> {
    let answer = Upstreams::new(&dialer(Reach::LoopbackOnly)).send(get(to)).await?;
    Ok(answer.status().as_u16())
}

fn get(to: &str) -> Request<Body> {
    Request::get(to).body(Empty::new().map_err(|never| match never {}).boxed()).unwrap()
}

pub fn redirect(to: &str) -> String {
    format!("HTTP/1.1 307 Temporary Redirect\r\nconnection: close\r\nlocation: {to}/\r\ncontent-length: 0\r\n\r\n")
}

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue};

use super::guard::redirect;
use super::server::{Server, ok};
use super::*;
use crate::{DialError, FetchTrouble, Fetched, Purpose};

async fn get(server: &Server) -> Result<Fetched, FetchTrouble> {
    fetcher().get(Purpose::ProviderMetadata, &format!("{}/x?secret=1", server.base)).await.map_err(|error| {
        assert!(!error.to_string().contains("secret"), "{error}");
        error.trouble
    })
}

#[tokio::test]
async fn a_document_comes_with_its_type_and_age() {
    let server = Server::answering(ok("content-type: application/json\r\ncache-control: public, Max-Age=\"120\"\r\n", "{}")).await;
    let fetched = get(&server).await.unwrap();
    assert_eq!((fetched.status, &fetched.body[..]), (StatusCode::OK, &b"{}"[..]));
    assert_eq!((fetched.content_type.as_deref(), fetched.max_age), (Some("application/json"), Some(120 * SECOND)));
}

#[tokio::test]
async fn an_error_status_is_an_answer() {
    let server = Server::answering("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}").await;
    let header = (AUTHORIZATION, HeaderValue::from_static("Basic eDp5"));
    let fetched = fetcher().post_form(Purpose::ProviderToken, &server.base, &[header], "a=b".into()).await.unwrap();
    assert_eq!(fetched.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn md_07_a_document_too_large_is_not_read() {
    let told = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 100001\r\n\r\n").await;
    assert_eq!(get(&told).await.err(), Some(FetchTrouble::TooLarge(100_000)));

    let untold = Server::answering(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(100_001))).await;
    assert_eq!(get(&untold).await.err(), Some(FetchTrouble::TooLarge(100_000)));

    let fits = Server::answering(ok("", &"x".repeat(100_000))).await;
    assert_eq!(get(&fits).await.unwrap().body.len(), 100_000);
}

#[tokio::test]
async fn a_document_that_never_ends_is_given_up() {
    for server in [Server::stalling_after("").await, Server::stalling_after("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx").await] {
        tokio::time::pause();
        assert_eq!(get(&server).await.err(), Some(FetchTrouble::TooSlow(5 * SECOND)));
        tokio::time::resume();
    }
}

#[tokio::test]
async fn what_was_packed_is_not_unpacked() {
    let bomb = Server::answering(ok("content-encoding: gzip\r\n", "x")).await;
    assert_eq!(get(&bomb).await.err(), Some(FetchTrouble::Packed("gzip".to_owned())));
    let plain = Server::answering(ok("content-encoding: Identity\r\n", "{}")).await;
    assert!(get(&plain).await.is_ok());
}

#[tokio::test]
async fn a_header_that_does_not_end_is_not_kept() {
    let server = Server::answering(format!("HTTP/1.1 200 OK\r\n{}", "x-more: of the same\r\n".repeat(100_000))).await;
    assert!(matches!(get(&server).await.err(), Some(FetchTrouble::Broken(_))));
}

#[tokio::test]
async fn sb_09_no_redirect_is_followed() {
    let elsewhere = Server::answering(ok("", "{}")).await;
    let server = Server::answering(redirect(&elsewhere.base)).await;
    assert_eq!(get(&server).await.err(), Some(FetchTrouble::Redirected(StatusCode::TEMPORARY_REDIRECT)));
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn sb_09_a_server_proves_its_name() {
    let (server, fetch) = (Server::https(ok("", "{}")).await, fetcher());
    let at = |host: &str| format!("https://{host}:{}/", server.port);
    assert!(fetch.get(Purpose::ProviderJwks, &at("localhost")).await.is_ok());
    let other = fetch.get(Purpose::ProviderJwks, &at("127.0.0.2")).await.err().unwrap();
    assert!(matches!(other.trouble, FetchTrouble::Dial(DialError::Tls { .. } | DialError::Unreachable { .. })), "{other}");

    let unknown = Fetcher::new(&Dialer::new(&Settings::of(Reach::LoopbackOnly)).unwrap());
    let refused = unknown.get(Purpose::ProviderJwks, &at("localhost")).await.err().unwrap();
    assert!(matches!(refused.trouble, FetchTrouble::Dial(DialError::Tls { .. })), "{refused}");
}

#[tokio::test]
async fn ci_04_what_a_client_names_is_a_peers_address() {
    let server = Server::answering(ok("", "{}")).await;
    let plain = fetcher().get(Purpose::ClientDocument, &server.base).await.err().unwrap();
    assert_eq!(plain.trouble, FetchTrouble::Dial(DialError::Insecure));
    let inside = fetcher().get(Purpose::ClientDocument, &server.base.replace("http:", "https:")).await.err().unwrap();
    assert!(matches!(inside.trouble, FetchTrouble::Dial(DialError::NotAllowed { .. })), "{inside}");
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn what_is_no_address_is_told() {
    for bad in ["", "idp.example", "//idp.example", "mailto:a@b", "http://", "http://user:password@127.0.0.1/"] {
        let error = fetcher().get(Purpose::ProviderMetadata, bad).await.err().unwrap();
        assert_eq!(error.trouble, FetchTrouble::Dial(DialError::NotAnAddress), "{bad}");
    }
}

#[test]
fn a_file_without_certificates_is_told_by_name() {
    let missing = Dialer::new(&Settings { extra_ca_files: vec!["/nonexistent/ca.pem".into()], ..Settings::of(Reach::LoopbackOnly) });
    assert!(missing.err().unwrap().to_string().contains("/nonexistent/ca.pem"));
    let empty = Dialer::new(&Settings { extra_ca_files: vec!["/dev/null".into()], ..Settings::of(Reach::LoopbackOnly) });
    assert!(empty.err().unwrap().to_string().contains("no certificate"));
}

//! An MCP server in a private network: its certificate is a private authority's, and it speaks only to who has one of the same.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use chancery_crypto::tls;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Who vouches for both sides. All keys here are in the repository: they protect nothing.
pub const AUTHORITY: &str = include_str!("https/private-root.pem");
/// What the gateway proves itself by.
pub const GATEWAY: (&str, &str) = (include_str!("https/gateway.pem"), include_str!("https/gateway.key"));

const SERVER: (&str, &str) = (include_str!("https/private-server.pem"), include_str!("https/private-server.key"));

/// Starts one, which answers every request with a tool's result; its address.
///
/// # Panics
/// When loopback has no free port.
pub async fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let url = format!("https://{}/mcp", listener.local_addr().expect("it is bound"));
    let acceptor = acceptor();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            });
        }
    });
    url
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let id = serde_json::from_slice::<Value>(&body).map(|message| message["id"].clone()).unwrap_or_default();
    let answer = json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": "private" }] } });
    let response = Response::builder().header("content-type", "application/json").body(Full::from(answer.to_string()));
    Ok(response.expect("an answer"))
}

fn acceptor() -> TlsAcceptor {
    let certificates = |pem: &str| CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>().expect("certificates");
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(AUTHORITY));
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), tls::provider()).build().expect("an authority");
    let config = ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites")
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates(SERVER.0), PrivateKeyDer::from_pem_slice(SERVER.1.as_bytes()).expect("a key"))
        .expect("they fit");
    TlsAcceptor::from(Arc::new(config))
}

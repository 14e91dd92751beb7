//! A load balancer without memory: each request goes to a node chosen by chance, bodies stream both ways, `Host` stays what the client
//! said. What works behind it works on any node at any step.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use chancery_core::Rng;
use http::{StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

#[derive(Clone)]
struct Balancer {
    client: Client<HttpConnector, Body>,
    nodes: Arc<[SocketAddr]>,
    rng: Arc<dyn Rng>,
}

/// Balances over the nodes until the runtime ends.
pub fn start(listener: TcpListener, nodes: Vec<SocketAddr>, rng: Arc<dyn Rng>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let balancer = Balancer { client, nodes: nodes.into(), rng };
    let router = axum::Router::new().fallback(pass_on).with_state(balancer);
    tokio::spawn(async move { axum::serve(listener, router).await });
}

async fn pass_on(State(balancer): State<Balancer>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let uri = format!("http://{}{path}", balancer.any());
    *request.uri_mut() = uri.parse::<Uri>().expect("an address and a path make a URI");
    match balancer.client.request(request).await {
        Ok(answer) => answer.map(Body::new).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{uri}: {error:?}")).into_response(),
    }
}

impl Balancer {
    fn any(&self) -> SocketAddr {
        let mut byte = [0];
        self.rng.fill(&mut byte);
        self.nodes[usize::from(byte[0]) % self.nodes.len()]
    }
}

//! A load balancer without memory: each request goes to a node chosen by chance, answers stream, `Host` stays what the client said. What
//! works behind it works on any node at any step. A request that found no connection goes to another node: nothing of it was sent.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use chancery_core::Rng;
use http::{StatusCode, Uri};
use http_body_util::BodyExt as _;
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
    // A connection of its own for each request: one that is kept may be to a node that has just died, and what was sent on it is not sent again.
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    let balancer = Balancer { client, nodes: nodes.into(), rng };
    let router = axum::Router::new().fallback(pass_on).with_state(balancer);
    tokio::spawn(async move { axum::serve(listener, router).await });
}

async fn pass_on(State(balancer): State<Balancer>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return (StatusCode::BAD_REQUEST, "the request broke off").into_response();
    };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let mut told = String::new();
    for node in balancer.in_turn() {
        head.uri = format!("http://{node}{path}").parse::<Uri>().expect("an address and a path make a URI");
        match balancer.client.request(Request::from_parts(head.clone(), Body::from(body.clone()))).await {
            Ok(answer) => return answer.map(Body::new).into_response(),
            Err(error) => {
                told = format!("{node}: {error:?}");
                if !error.is_connect() {
                    break;
                }
            }
        }
    }
    (StatusCode::BAD_GATEWAY, told).into_response()
}

impl Balancer {
    /// All nodes, beginning with any.
    fn in_turn(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let mut byte = [0];
        self.rng.fill(&mut byte);
        (0..self.nodes.len()).map(move |at| self.nodes[(usize::from(byte[0]) + at) % self.nodes.len()])
    }
}

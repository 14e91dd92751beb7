use axum::Router;
use axum::routing::post;
use chancery_crypto::random::SystemRng;
use chancery_outbound::{Dialer, Reach, Settings, Upstreams};
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;

use super::*;

struct Told(Vec<Step>);

impl Report for Told {
    fn step(&mut self, step: &Step) {
        self.0.push(step.clone());
    }
}

/// A journey to a server with these routes.
async fn travel(routes: impl FnOnce(&str) -> Router) -> (Vec<Step>, Result<Arrived, JourneyError>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let routes = routes(&base);
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let dialer = Dialer::new(&Settings::of(Reach::LoopbackOnly)).unwrap();
    let (server, upstreams) = (format!("{base}/mcp/bank"), Upstreams::new(&dialer));
    let parts = Parts { server, person: Person::Alice, upstreams, rng: Arc::new(SystemRng) };
    let mut told = Told(Vec::new());
    let arrived = run(&parts, &mut told).await;
    (told.0, arrived)
}

#[tokio::test]
async fn an_open_door_is_not_the_right_one() {
    let (told, arrived) = travel(|_| Router::new().route("/mcp/bank", post(async || "come in"))).await;
    let error = arrived.err().unwrap().to_string();
    assert!(error.contains("POST /mcp/bank answered 200") && error.contains("401 was expected"), "{error}");
    assert!(told.is_empty());
}

#[tokio::test]
async fn a_challenge_that_leads_nowhere_ends_the_journey_at_the_second_step() {
    let (told, arrived) = travel(|base| {
        let challenge = format!("Bearer resource_metadata=\"{base}/.well-known/oauth-protected-resource/mcp/bank\", scope=\"bank:read\"");
        Router::new().route("/mcp/bank", post(async move || (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)])))
    })
    .await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].number, told[0].request.as_str(), told[0].status), (1, "POST /mcp/bank", 401));
    let error = arrived.err().unwrap().to_string();
    assert!(error.contains("GET /.well-known/oauth-protected-resource/mcp/bank answered 404"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let dialer = Dialer::new(&Settings::of(Reach::LoopbackOnly)).unwrap();
    let server = "http://127.0.0.1:1/mcp/bank".to_owned();
    let parts = Parts { server, person: Person::Alice, upstreams: Upstreams::new(&dialer), rng: Arc::new(SystemRng) };
    let error = run(&parts, &mut Told(Vec::new())).await.err().unwrap().to_string();
    assert!(error.contains("could not be sent") && error.contains("127.0.0.1"), "{error}");
}

#[test]
fn a_token_is_laid_open_as_far_as_it_can_be_read() {
    let token = DecodedToken::of("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2ln");
    assert_eq!((token.header["alg"].as_str(), token.claims["sub"].as_str()), (Some("ES256"), Some("usr_1")));
    assert_eq!(DecodedToken::of("opaque").claims, serde_json::Value::Null);
}

use axum::Json;
use axum::body::Body;
use axum::routing::get;
use chancery_core::{Issuer, SystemClock};
use chancery_crypto::jose::{Algorithm, KeySet, SigningKey};
use chancery_crypto::random::SystemRng;
use chancery_outbound::{Dialer, Documents, Fetcher, Reach, Settings};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

use super::*;

/// Far enough away that no test meets it.
const SOON: i64 = 4_000_000_000;

/// An issuer that publishes its metadata and one key, and a server that believes it.
struct Site {
    issuer: String,
    key: SigningKey,
    server: Router,
}

impl Site {
    async fn new(make: fn(Gate, Arc<dyn Rng>) -> Server) -> Self {
        let key = SigningKey::generate(Algorithm::Es256, "k".into()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let issuer = format!("{base}/t/demo");
        let metadata = json!({ "issuer": issuer, "jwks_uri": format!("{base}/jwks") });
        let jwks = KeySet::from_keys([key.jwk()]).to_json();
        let routes = Router::new()
            .route("/.well-known/oauth-authorization-server/t/demo", get(async move || Json(metadata)))
            .route("/jwks", get(async move || Json(jwks)));
        tokio::spawn(async move { axum::serve(listener, routes).await });

        let dialer = Dialer::new(&Settings::of(Reach::LoopbackOnly)).unwrap();
        let documents = Documents::new(Fetcher::new(&dialer));
        let gate =
            Gate { issuer: Issuer::foreign(issuer.clone()), audience: "http://b/mcp".into(), documents, clock: Arc::new(SystemClock) };
        Self { issuer, key, server: make(gate, Arc::new(SystemRng)).router() }
    }

    fn claims(&self, subject: &str) -> Value {
        json!({ "iss": self.issuer, "sub": subject, "aud": "http://b/mcp", "iat": 1, "exp": SOON })
    }

    fn token(&self, subject: &str) -> String {
        self.key.sign("at+jwt", &self.claims(subject)).unwrap()
    }

    async fn send(&self, method: Method, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
        let mut request = Request::builder().method(method).uri("/mcp");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.server.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
    }

    async fn post(&self, token: &str, session: Option<&str>, message: &Value) -> Response<Body> {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json"), ("accept", ACCEPT)];
        headers.extend(session.map(|session| ("mcp-session-id", session)));
        self.send(Method::POST, &headers, message.to_string()).await
    }

    async fn session(&self, token: &str) -> String {
        let answer = self.post(token, None, &initialize("2025-11-25")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.headers()["mcp-session-id"].to_str().unwrap().to_owned()
    }
}

const ACCEPT: &str = "application/json, text/event-stream";

fn initialize(version: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": version } })
}

fn request(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })
}

async fn text(answer: Response<Body>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn message(answer: Response<Body>) -> Value {
    assert_eq!(answer.headers()["content-type"], "application/json");
    serde_json::from_str(&text(answer).await).unwrap()
}

#[tokio::test]
async fn mc_01_only_a_token_for_this_server_opens_it() {
    let site = Site::new(Server::bank).await;
    let with = |member: &str, value: Value| {
        let mut claims = site.claims("usr_1");
        claims[member] = value;
        site.key.sign("at+jwt", &claims).unwrap()
    };
    let stranger = SigningKey::generate(Algorithm::Es256, "k".into()).unwrap();
    for (why, token) in [
        ("nothing", String::new()),
        ("garbage", "garbage".into()),
        ("another issuer", with("iss", json!("http://other/t/demo"))),
        ("another audience", with("aud", json!("http://b/mcp/"))),
        ("several audiences", with("aud", json!(["http://b/mcp"]))),
        ("expired", with("exp", json!(1))),
        ("no end", with("exp", Value::Null)),
        ("made in the future", with("iat", json!(SOON))),
        ("an ID token", site.key.sign("JWT", &site.claims("usr_1")).unwrap()),
        ("another key", stranger.sign("at+jwt", &site.claims("usr_1")).unwrap()),
        ("an unknown key", SigningKey::generate(Algorithm::Es256, "z".into()).unwrap().sign("at+jwt", &site.claims("usr_1")).unwrap()),
    ] {
        for method in [Method::POST, Method::GET, Method::DELETE] {
            let bearer = format!("Bearer {token}");
            let refused = site.send(method, &[("authorization", &bearer), ("accept", ACCEPT)], "not even JSON").await;
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{why}");
            assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer "), "{why}");
        }
    }
    let none = site.send(Method::POST, &[], Body::empty()).await;
    assert_eq!(
        (none.status(), &none.headers()["www-authenticate"]),
        (StatusCode::UNAUTHORIZED, &http::HeaderValue::from_static("Bearer realm=\"demo\""))
    );
}

#[tokio::test]
async fn a_client_initializes_lists_calls_and_leaves() {
    let site = Site::new(Server::bank).await;
    let token = site.token("usr_1");
    let hello = message(site.post(&token, None, &initialize("2025-06-18")).await).await;
    assert_eq!(hello["result"]["protocolVersion"], "2025-06-18");
    let id = site.session(&token).await;
    let session = Some(id.as_str());

    let ready = site.post(&token, session, &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    assert_eq!((ready.status(), text(ready).await), (StatusCode::ACCEPTED, String::new()));
    assert_eq!(message(site.post(&token, session, &request("ping", json!({}))).await).await["result"], json!({}));
    let tools = message(site.post(&token, session, &request("tools/list", json!({}))).await).await;
    assert_eq!(tools["result"]["tools"][0]["name"], "account_balance");
    let called = message(site.post(&token, session, &request("tools/call", json!({ "name": "account_balance" }))).await).await;
    assert!(called["result"]["content"][0]["text"].as_str().unwrap().contains("EUR"), "{called}");
    assert_eq!(called["id"], 7);
    let wrong = message(site.post(&token, session, &request("tools/call", json!({ "name": "transfer" }))).await).await;
    assert_eq!(wrong["result"]["isError"], true);
    let unknown = message(site.post(&token, session, &request("tools/call", json!({ "name": "rob" }))).await).await;
    assert_eq!(unknown["error"]["code"], -32602);
    let nothing = message(site.post(&token, session, &request("resources/list", json!({}))).await).await;
    assert_eq!(nothing["error"]["code"], -32601);

    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("mcp-session-id", id.as_str())];
    assert_eq!(site.send(Method::DELETE, &headers, Body::empty()).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(site.send(Method::DELETE, &headers, Body::empty()).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(site.post(&token, session, &request("ping", json!({}))).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn mc_07_a_session_is_its_makers_alone() {
    let site = Site::new(Server::bank).await;
    let session = site.session(&site.token("usr_1")).await;
    let ping = request("ping", json!({}));
    assert_eq!(site.post(&site.token("usr_2"), Some(&session), &ping).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(site.post(&site.token("usr_1"), Some("guessed"), &ping).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(site.post(&site.token("usr_1"), None, &ping).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(site.post(&site.token("usr_1"), Some(&session), &ping).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_transport_is_strict() {
    let site = Site::new(Server::bank).await;
    let bearer = format!("Bearer {}", site.token("usr_1"));
    let hello = initialize("2025-11-25").to_string();
    for (headers, body, status) in [
        (vec![("accept", ACCEPT), ("content-type", "application/json")], hello.as_str(), 200),
        (vec![("accept", ACCEPT), ("content-type", "application/json; charset=utf-8")], &hello, 200),
        (vec![("accept", "application/json"), ("content-type", "application/json")], &hello, 406),
        (vec![("content-type", "application/json")], &hello, 406),
        (vec![("accept", ACCEPT), ("content-type", "text/plain")], &hello, 415),
        (vec![("accept", ACCEPT)], &hello, 415),
        (vec![("accept", ACCEPT), ("content-type", "application/json"), ("mcp-protocol-version", "1999-01-01")], &hello, 400),
        (vec![("accept", ACCEPT), ("content-type", "application/json")], "{", 400),
        (vec![("accept", ACCEPT), ("content-type", "application/json")], "[]", 400),
    ] {
        let headers: Vec<_> = headers.iter().copied().chain([("authorization", bearer.as_str())]).collect();
        assert_eq!(site.send(Method::POST, &headers, body.to_owned()).await.status().as_u16(), status, "{headers:?}");
    }
    let unknown = message(site.post(bearer.trim_start_matches("Bearer "), None, &initialize("1999-01-01")).await).await;
    assert_eq!(unknown["result"]["protocolVersion"], "2025-11-25");
}

#[tokio::test]
async fn the_exchange_answers_in_events_and_says_how_far_it_is() {
    let site = Site::new(Server::exchange).await;
    let token = site.token("usr_1");
    let session = site.session(&token).await;
    let arguments = json!({ "amount": 10, "from": "EUR", "to": "USD" });
    let call = request("tools/call", json!({ "name": "convert", "arguments": arguments, "_meta": { "progressToken": "p" } }));
    let answer = site.post(&token, Some(&session), &call).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");

    let body = text(answer).await;
    let events: Vec<Value> =
        body.lines().filter_map(|line| line.strip_prefix("data: ")).map(|data| serde_json::from_str(data).unwrap()).collect();
    assert_eq!(events.len(), 2, "{body}");
    assert_eq!((&events[0]["method"], &events[0]["params"]["progressToken"]), (&json!("notifications/progress"), &json!("p")));
    assert_eq!(events[1]["result"]["structuredContent"], json!({ "amount": 11.0, "currency": "USD" }));
}

#[tokio::test]
async fn a_stream_stays_open_until_its_session_ends() {
    let site = Site::new(Server::bank).await;
    let token = site.token("usr_1");
    let session = site.session(&token).await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("mcp-session-id", session.as_str()), ("accept", "text/event-stream")];
    assert_eq!(site.send(Method::GET, &headers[..2], Body::empty()).await.status(), StatusCode::NOT_ACCEPTABLE);

    let mut body = site.send(Method::GET, &headers, Body::empty()).await.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b":"), "a comment, so that the header leaves at once");
    site.send(Method::DELETE, &headers, Body::empty()).await;
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn without_the_issuers_keys_nobody_is_blamed() {
    let site = Site::new(|gate, rng| Server::bank(Gate { issuer: Issuer::foreign("http://127.0.0.1:1/t/demo"), ..gate }, rng)).await;
    assert_eq!(site.post(&site.token("usr_1"), None, &initialize("2025-11-25")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

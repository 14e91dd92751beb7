//! What a server tells about itself: traces that go through it, and metrics that stay bounded.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::post;
use chancery_core::SystemClock;
use chancery_testkit::cast::ALICE;
use chancery_testkit::{Browser, Kind, listen, request};
use serde_json::{Value, json};

use crate::app::App;
use crate::process::free_port;
use crate::served::Served;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN: &str = "b7ad6b7169203331";
/// What the server calls every session.
pub const SESSION: &str = "what-the-upstream-calls-a-session";
/// What somebody sends whom nobody knows.
const STRANGERS_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A server of a test's own, which keeps what it was sent.
#[derive(Clone, Default)]
pub struct Listener(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

impl Listener {
    /// It answers all that it is sent with these words.
    pub async fn start(answer: &'static str) -> (Self, String) {
        let (listener, base) = listen().await;
        let kept = Self::default();
        let keep = kept.clone();
        let take = move |headers: HeaderMap, body: Bytes| async move {
            let told = String::from_utf8_lossy(&body).contains("\"notifications/");
            keep.lock().push((headers, body));
            let status = if told { StatusCode::ACCEPTED } else { StatusCode::OK };
            (status, [("content-type", "application/json"), ("mcp-session-id", SESSION)], answer)
        };
        let router = Router::new().fallback(post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (kept, base)
    }

    pub fn heard(&self) -> Vec<(HeaderMap, Bytes)> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(HeaderMap, Bytes)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A span as a collector gets it (OTLP, protobuf): its id and its parent's.
#[derive(PartialEq, Eq, Debug)]
struct Span {
    id: String,
    parent: Option<String>,
}

/// The spans of one trace: fields 1, 2 and 4 of a `Span` are the ids of trace, span and parent, in this order.
fn spans(bodies: &[(HeaderMap, Bytes)], trace: &str) -> Vec<Span> {
    let begin: Vec<u8> = [0x0a, 0x10].into_iter().chain(from_hex(trace)).collect();
    let mut found = Vec::new();
    for (_, body) in bodies {
        for at in (0..body.len()).filter(|at| body[*at..].starts_with(&begin)) {
            let rest = &body[at + begin.len()..];
            assert!(rest.starts_with(&[0x12, 0x08]), "a span's id follows its trace's");
            let parent = rest[10..].starts_with(&[0x22, 0x08]).then(|| hex(&rest[12..20]));
            found.push(Span { id: hex(&rest[2..10]), parent });
        }
    }
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("digits")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_from_the_client_to_the_upstream() {
    let (collector, traces) = Listener::start("").await;
    let (upstream, behind) = Listener::start(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#).await;
    let told = |file: &mut Value| {
        file["server"]["traces"] = json!({ "endpoint": format!("{traces}/v1/traces"), "one_in": 1_000_000 });
        file["resources"][0]["upstream"] = json!({ "url": format!("{behind}/mcp") });
    };
    let served = Served::on(Kind::Sqlite, told).await.expect("SQLite is always there");
    let mut server = served.serve();
    let app = App::registered_at(&served.base).await;
    let tokens = app.redeem(&app.approved_by(ALICE).await).await;

    let meta = json!({ "traceparent": format!("00-{TRACE}-{CLIENT_SPAN}-01") });
    let params = json!({ "name": "transfer", "arguments": {}, "_meta": meta });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let parent = format!("00-{TRACE}-{CLIENT_SPAN}-01");
    let mcp = app.mcp(&tokens);
    let asked = mcp.request(Method::POST).header("content-type", "application/json").header("traceparent", parent);
    let answer = Browser::program(Arc::new(SystemClock)).send(asked.body(Bytes::from(call.clone())).expect("a request")).await;
    answer.has_status(200);
    let mut stranger = mcp.clone();
    for token in [None, Some("garbage".to_owned())] {
        stranger.token = token;
        let asked = stranger.request(Method::POST).header("traceparent", format!("00-{STRANGERS_TRACE}-{CLIENT_SPAN}-01"));
        let answer = Browser::program(Arc::new(SystemClock)).send(asked.body(Bytes::new()).expect("a request")).await;
        answer.has_status(401);
    }
    server.signal("TERM");
    server.wait();

    assert_eq!(spans(&collector.heard(), STRANGERS_TRACE), [], "a stranger decides what is told to the collector");
    let heard = upstream.heard();
    let (headers, body) = heard.last().expect("the call arrived");
    assert_eq!(*body, call, "a message is passed on as it came, its own trace context among it");
    let [_, trace, leg, flags] = headers["traceparent"].to_str().expect("text").split('-').collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!((trace, flags), (TRACE, "01"));
    let spans = spans(&collector.heard(), TRACE);
    let to_upstream = spans.iter().find(|span| span.id == leg).unwrap_or_else(|| panic!("no span {leg}: {spans:?}"));
    let whole = spans.iter().find(|span| Some(&span.id) == to_upstream.parent.as_ref()).unwrap_or_else(|| panic!("{spans:?}"));
    assert_eq!(whole.parent.as_deref(), Some(CLIENT_SPAN));
    assert_eq!(spans.len(), 2, "{spans:?}");
    let log = served.audit();
    assert!(log.iter().any(|event| event["kind"] == "call_opened" && event["fields"]["trace"] == TRACE), "the log names no trace");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_stay_bounded_whatever_is_asked_for() {
    let port = free_port();
    let told = |file: &mut Value| file["server"]["metrics"] = json!({ "listen": format!("127.0.0.1:{port}") });
    let served = Served::on(Kind::Sqlite, told).await.expect("SQLite is always there");
    let _server = served.serve();
    let program = Browser::program(Arc::new(SystemClock));
    let app = App::registered_at(&served.base).await;
    let tokens = app.redeem(&app.approved_by(ALICE).await).await;
    app.mcp(&tokens).call("transfer", json!({ "to": "bob", "amount": 1 })).await.answered();
    let page = format!("http://127.0.0.1:{port}/metrics");
    let strange = |number: usize| {
        let method = Method::from_bytes(format!("VERB{number}").as_bytes()).expect("a token");
        request(method, &format!("{}/{number}/nobody?x={number}", served.base)).body(Bytes::new()).expect("a request")
    };
    program.send(strange(0)).await.has_status(404);

    // Nobody waits for the event that closes a call.
    let told = async {
        loop {
            let page = program.get(&page).await.has_status(200).text();
            if page.contains("kind=\"call_closed\"") {
                return page;
            }
        }
    };
    let before = tokio::time::timeout(Duration::from_secs(20), told).await.expect("the call is closed");
    for number in 1..100 {
        program.send(strange(number)).await.has_status(404);
    }
    let after = program.get(&page).await.has_status(200).text();

    let series = |page: &str| page.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(series(&before), series(&after), "{after}");
    for line in [
        "chancery_http_requests_total{route=\"/t/{tenant}/token\",method=\"POST\",status=\"200\"} 1",
        "chancery_http_requests_total{route=\"resource\",method=\"other\",status=\"404\"} 100",
        "chancery_events_total{kind=\"call_opened\"} 1",
        "chancery_events_total{kind=\"call_closed\"} 1",
        "chancery_refusals_total{endpoint=\"gateway\",reason=",
        &format!("chancery_upstream_answer_seconds_count{{resource=\"{}/mcp/bank\",class=\"2xx\"}} 3", served.base),
        "chancery_http_in_flight{route=\"resource\"} 0",
        "chancery_commit_failures_total 0",
        "process_resident_memory_bytes ",
        "# EOF",
    ] {
        assert!(after.contains(line), "{line} is not on the page:\n{after}");
    }
    program.get(&format!("{}/metrics", served.base)).await.has_status(404);
}

/// Whatever an upstream says, and whether or not its client hears it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstreams_answers_are_measured_by_resource_and_class() {
    let (listener, behind) = listen().await;
    let statuses = Arc::new(Mutex::new(vec![598, 599, 207, 401]));
    let answer = move || async move {
        let status = statuses.lock().unwrap_or_else(PoisonError::into_inner).pop().expect("as many as calls");
        (StatusCode::from_u16(status).expect("a status"), [("content-type", "application/json")], "{}")
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let port = free_port();
    let told = |file: &mut Value| {
        file["server"]["metrics"] = json!({ "listen": format!("127.0.0.1:{port}") });
        file["resources"][0]["upstream"] = json!({ "url": format!("{behind}/mcp") });
    };
    let served = Served::on(Kind::Sqlite, told).await.expect("SQLite is always there");
    let _server = served.serve();
    let app = App::registered_at(&served.base).await;
    let mcp = app.mcp(&app.redeem(&app.approved_by(ALICE).await).await);
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let program = Browser::program(Arc::new(SystemClock));
    for status in [502, 207, 599, 598] {
        program.send(mcp.posting(&call)).await.has_status(status);
    }

    let page = program.get(&format!("http://127.0.0.1:{port}/metrics")).await.has_status(200).text();
    let measured =
        |class: &str| format!("chancery_upstream_answer_seconds_count{{resource=\"{}/mcp/bank\",class=\"{class}\"}}", served.base);
    for (class, count) in [("2xx", 1), ("4xx", 1), ("5xx", 2)] {
        assert!(page.contains(&format!("{} {count}\n", measured(class))), "{class} on the page:\n{page}");
    }
    let answered = |status: u16| format!("chancery_http_requests_total{{route=\"resource\",method=\"POST\",status=\"{status}\"}}");
    assert!(
        page.contains(&format!("{} 2\n", answered(500))) && !page.contains(&answered(599)),
        "statuses that nobody has defined:\n{page}"
    );
}

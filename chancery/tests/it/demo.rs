//! The README's first command.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::Method;
use chancery_core::SystemClock;
use chancery_testkit::{Browser, Folder, request};
use serde_json::{Value, json};

use crate::process::{Ended, Running, free_port, run};

fn lines(ended: &Ended) -> Vec<Value> {
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn once_makes_the_journey_and_ends() {
    let folder = Folder::new();
    let demo = run(&folder, &["demo", "--once", "--port", "0"]);
    demo.with(0, &["WWW-Authenticate", "consenting", "account_balance", "\"aud\":", "call_closed", "consent_given"]);
}

#[test]
fn a_signal_on_the_way_ends_it_and_nothing_failed() {
    let folder = Folder::new();
    let mut demo = Running::start(&folder, &["demo", "--port", "0"], "A client that knows only");

    demo.signal("TERM");

    assert_eq!(demo.wait().code(), Some(0), "{}", demo.err());
}

/// What the journey asks for, in order, and what it is answered.
const STEPS: [(&str, u64); 15] = [
    ("POST /mcp/bank", 401),
    ("GET /.well-known/oauth-protected-resource/mcp/bank", 200),
    ("GET /.well-known/oauth-authorization-server/t/demo", 200),
    ("POST /t/demo/register", 201),
    ("GET /t/demo/authorize", 200),
    ("POST /t/demo/consent", 303),
    ("GET /demo/idp/authorize", 200),
    ("POST /demo/idp/sign-in", 303),
    ("GET /t/demo/callback/idp", 303),
    ("GET /t/demo/resume", 303),
    ("POST /t/demo/token", 200),
    ("POST /mcp/bank", 200),
    ("POST /mcp/bank", 202),
    ("POST /mcp/bank", 200),
    ("DELETE /mcp/bank", 204),
];

#[test]
fn json_says_one_object_a_step() {
    let folder = Folder::new();
    let demo = run(&folder, &["demo", "--once", "--json", "--port", "0", "--data", "here"]);
    demo.with(0, &[]);

    let lines = lines(&demo);
    let steps: Vec<&Value> = lines.iter().filter(|line| line["number"].is_u64()).collect();
    let told: Vec<(&str, u64)> = steps.iter().filter_map(|step| Some((step["request"].as_str()?, step["status"].as_u64()?))).collect();
    assert_eq!(told, STEPS);
    assert!(steps.iter().all(|step| step["field"].is_string() && step["value"].is_string()), "{steps:#?}");

    let arrived = lines.iter().find(|line| line["arrived"].is_object()).expect("it arrived");
    let claims = &arrived["arrived"]["token"]["claims"];
    assert_eq!((&claims["tenant"], &claims["scope"]), (&json!("demo"), &json!("bank:read")));
    let kinds: Vec<&Value> = lines.iter().map(|line| &line["event"]["kind"]).filter(|kind| kind.is_string()).collect();
    for kind in ["client_registered", "signed_in", "consent_given", "token_issued", "upstream_token_issued", "call_opened", "call_closed"] {
        assert!(kinds.contains(&&json!(kind)), "{kind} is not among {kinds:?}");
    }
    assert!(folder.path().join("here/chancery.db").exists());
}

#[test]
fn as_somebody_nothing_is_asked() {
    let demo = run(&Folder::new(), &["demo", "--once", "--json", "--port", "0", "--as", "bob"]);
    demo.with(0, &[]);
    let asked: Vec<Value> = lines(&demo).into_iter().filter(|line| line["field"] == "the person presses").collect();
    assert!(asked.is_empty(), "{asked:#?}");
}

#[test]
fn a_second_demo_on_its_data_arrives_too() {
    let folder = Folder::new();
    let port = free_port().to_string();
    for _ in 0..2 {
        run(&folder, &["demo", "--once", "--port", &port]).with(0, &["call_closed"]);
    }
    assert!(folder.path().join(format!("chancery-demo-data/port-{port}/chancery.db")).exists());
}

#[test]
fn data_of_another_port_is_refused() {
    let folder = Folder::new();
    let ports = [free_port(), free_port()].map(|port| port.to_string());
    run(&folder, &["demo", "--once", "--data", "here", "--port", &ports[0]]).with(0, &[]);
    run(&folder, &["demo", "--once", "--data", "here", "--port", &ports[1]]).with(3, &["base_url", &ports[0], "--data"]);
}

#[test]
fn the_port_that_addresses_leave_out_is_not_taken() {
    run(&Folder::new(), &["demo", "--once", "--port", "80"]).with(2, &["default port of http", "chancery demo --port 8081"]);
}

#[test]
fn nobody_else_can_sign_in() {
    run(&Folder::new(), &["demo", "--once", "--as", "mallory"]).with(2, &["alice and bob"]);
}

#[tokio::test]
async fn it_is_on_127_0_0_1_and_answers_to_no_other_name() {
    let (folder, port) = (Folder::new(), free_port());
    let _demo = Running::start(&folder, &["demo", "--port", &port.to_string()], "Now connect a client");

    assert!(TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).is_ok(), "it listens on more than 127.0.0.1");
    let program = Browser::program(Arc::new(SystemClock));
    let metadata = format!("http://127.0.0.1:{port}/demo/idp/.well-known/openid-configuration");
    program.get(&metadata).await.has_status(200);
    let rebound = request(Method::GET, &metadata).header("host", format!("attacker.example:{port}"));
    program.send(rebound.body(Bytes::new()).expect("a request")).await.has_status(421);
}

//! `chancery registration`, with a server and without one.

use bytes::Bytes;
use chancery_testkit::{Browser, Folder, HandClock, request};
use http::{Method, header};
use serde_json::json;

use crate::process::{Running, configuration, free_port, run, write};

fn approving(folder: &Folder, port: u16, dynamic: &str) {
    let text = std::fs::read_to_string(configuration(folder, port)).expect("just written");
    write(folder, "chancery.yaml", &format!("{text}registration: {{ dynamic: {dynamic} }}\n"));
}

#[test]
fn a_token_is_printed_once_and_alone_on_its_line() {
    let folder = Folder::new();
    approving(&folder, free_port(), "token");
    run(&folder, &["apply"]).with(0, &[]);

    let made = run(&folder, &["registration", "token", "--label", "partners", "--uses", "3", "--lasts", "7d"]);

    made.with(0, &[]);
    let token = made.out.trim();
    assert!(token.len() == 43 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
    let log = run(&folder, &["audit", "tail"]);
    log.with(0, &["registration_token_made", "reason=partners", "no server running"]);
    assert!(!log.out.contains(token));
    let listed = run(&folder, &["registration", "tokens"]);
    listed.with(0, &["\"partners\"", "3 uses left"]);
    assert!(!listed.out.contains(token));
    let id = listed.out.split_whitespace().next().expect("an id");
    run(&folder, &["registration", "end-token", id]).with(0, &[id, "partners", "is ended, 3 of its uses left"]);
    run(&folder, &["registration", "tokens"]).with(0, &["no initial access token is good"]);
    run(&folder, &["registration", "end-token", id]).with(8, &["nothing was ended"]);
    run(&folder, &["registration", "token", "--uses", "0"]).with(8, &["no token was made"]);
    run(&folder, &["registration", "token", "--lasts", "9999d"]).with(8, &["no token was made"]);
    run(&folder, &["registration", "token", "--lasts", "soon"]).with(2, &["90s, 5m, 8h or 30d"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dr_08_a_client_that_waits_is_listed_and_let_in_as_it_was_read() {
    let (folder, port) = (Folder::new(), free_port());
    approving(&folder, port, "approval");
    let _server = Running::start(&folder, &["serve"], "listening on");
    run(&folder, &["registration", "list"]).with(0, &["no client waits"]);
    let metadata =
        json!({ "redirect_uris": ["http://127.0.0.1/cb"], "client_name": "Sketch\u{1b}[2Jbook", "contacts": ["me@app.example"] });
    let post = request(Method::POST, &format!("http://127.0.0.1:{port}/t/acme/register")).header(header::CONTENT_TYPE, "application/json");
    let program = Browser::program(std::sync::Arc::new(HandClock::new()));
    let client = program.send(post.body(Bytes::from(metadata.to_string())).expect("a request")).await.has_status(201).json();
    let id = client["client_id"].as_str().expect("an id");

    run(&folder, &["registration", "list"]).with(0, &[id, "pending", "Sketch[2Jbook", "returns to: http://127.0.0.1/cb", "me@app.example"]);
    let listed = run(&folder, &["registration", "list"]);
    let seen = listed.out.split_once(" seen ").and_then(|(_, rest)| rest.split_whitespace().next()).expect("a digest to approve by");
    run(&folder, &["registration", "approve", id]).with(2, &["--seen <DIGEST>"]);
    run(&folder, &["registration", "approve", id, "--seen", "0000000000000000"]).with(8, &["says something else of itself by now"]);
    run(&folder, &["registration", "list"]).with(0, &[id, "pending"]);
    run(&folder, &["registration", "approve", id, "--seen", seen]).with(0, &[id, "is active"]);
    run(&folder, &["registration", "list"]).with(0, &["no client waits"]);
    run(&folder, &["registration", "deny", id]).with(8, &["waits in tenant acme"]);
    run(&folder, &["audit", "tail"]).with(0, &["client_judged", "outcome=active", "socket uid "]);
}

//! A FastMCP server that checks the tokens it gets by FastMCP's own verifier (testkit/upstreams/fastmcp).

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::client::Client;
use crate::process::Running;
use crate::server::{Behind, or_skipped, told};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/upstreams/fastmcp/server.py");

/// What `cargo xtask tools` made.
fn python() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    let python = base.unwrap_or_else(home).join("chancery/upstream-fastmcp/bin/python");
    or_skipped("FastMCP", python.exists().then_some(python).ok_or_else(|| "cargo xtask tools installs it".to_owned()))
}

fn resource(url: &str) -> Value {
    json!({
        "upstream": { "url": url },
        "tools": { "who": { "scope": "their:read", "read_only": true }, "erase": { "scope": "their:read" } },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fastmcp_knows_who_calls_by_a_token_that_its_own_verifier_accepts() {
    let (Some(client), Some(python)) = (Client::here(), python()) else { return };
    let behind = Behind::a_site(resource).await;
    let mut command = told(python);
    command.arg(SERVER).env("PORT", behind.port.to_string()).env("ISSUER", behind.issuer()).env("AUDIENCE", behind.address());
    let mut server = Running::of(command, "begins");
    server.logs("Uvicorn running on");
    let _site = behind.site.serve();

    let journey = client.goes(
        &behind.url(),
        &json!([
            { "list": "tools" },
            { "call": "who" },
            { "call": "count", "arguments": { "to": 3 } },
            { "call": "erase", "arguments": { "note": "the first" } },
            { "read": "notes://today" },
        ]),
    );

    assert_eq!(journey.listed(0), ["count", "who"], "no policy lets anybody erase");
    let who: Value = serde_json::from_str(journey.text(1)).expect("JSON");
    assert_eq!((&who["aud"], &who["client_id"]), (&json!(behind.address()), journey.client()), "{who:#}");
    assert!(who["sub"].as_str().is_some_and(|subject| subject.starts_with("usr_")), "{who:#}");
    // The server learnt within the call how much of its progress had come: nothing held it back.
    journey.asked(2, "elicitation/create", 3);
    assert_eq!(journey.text(2), "accept: 3 of 3");
    journey.refused(3, "denied_by_policy");
    assert_eq!(journey.result(4)["contents"][0]["text"], "buy bread");
    journey.ended(404);
    let token = behind.heard_our_token(&mut server, journey.token());

    let drafted = behind.drafted(Some(&token));
    let steps = json!([{ "list": "tools" }, { "call": "who" }, { "call": "count", "arguments": { "to": 1 } }, { "list": "tools" }]);
    let journey = client.goes(&drafted, &steps);

    assert_eq!((journey.listed(0), journey.listed(3)), (vec!["who"], vec!["count", "erase", "who"]));
    // `who` says that it only reads; `count` says nothing, so it is taken to write.
    assert_eq!((journey.step(1).get("scope"), &journey.step(2)["scope"]), (None, &json!("drafted:read drafted:write")));
    assert_eq!(journey.text(2), "accept: 1 of 1");
    let who: Value = serde_json::from_str(journey.text(1)).expect("JSON");
    assert_eq!(&who["client_id"], journey.client(), "not the one whose token `import` bore: {who:#}");
}

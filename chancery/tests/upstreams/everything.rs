//! `@modelcontextprotocol/server-everything`, over HTTP and as a child of the gateway.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use chancery_testkit::cast;
use serde_json::{Map, Value, json};

use crate::client::{Client, Journey};
use crate::process::Running;
use crate::server::{Behind, heard, told};

const TESTKIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit");
const DOCUMENT: &str = "demo://resource/static/document/architecture.md";

fn program() -> PathBuf {
    Path::new(TESTKIT).join("clients/node_modules/@modelcontextprotocol/server-everything/dist/index.js")
}

/// A strict resource: what is not mapped, such as `get-env`, is neither shown nor passed on.
fn resource(upstream: &Value) -> Value {
    json!({
        "upstream": upstream,
        "strict": true,
        "tools": {
            "echo": { "scope": "their:read", "read_only": true },
            "trigger-long-running-operation": { "scope": "their:read", "read_only": true },
            "trigger-sampling-request": { "scope": "their:read" },
            "trigger-elicitation-request": { "scope": "their:read" },
        },
    })
}

/// The long operation would take ten minutes: the client hears of its progress, and takes it back.
fn steps(refused: &str) -> Value {
    json!([
        { "list": "tools" },
        { "call": "echo", "arguments": { "message": "as it came: \u{1F426} \\u0000" } },
        { "call": refused },
        { "call": "trigger-long-running-operation", "arguments": { "duration": 600, "steps": 6000 }, "after": 3 },
        { "call": "trigger-sampling-request", "arguments": { "prompt": "say" } },
        { "call": "trigger-elicitation-request" },
        { "read": DOCUMENT },
    ])
}

async fn arrived(journey: &Journey, behind: &Behind) {
    assert_eq!(journey.text(1), "Echo: as it came: \u{1F426} \\u0000");
    journey.refused(2, "tool_not_mapped");
    let long = journey.step(3);
    assert_eq!((&long["progress"], &long["asked"]), (&json!([1, 2, 3]), &json!([])), "{long:#}");
    assert!(long["error"]["message"].as_str().is_some_and(|message| message.contains("enough was heard")), "{long:#}");
    journey.asked(4, "sampling/createMessage", 0);
    assert!(journey.text(4).contains("0 seen, says the client's model"), "{}", journey.text(4));
    journey.asked(5, "elicitation/create", 0);
    assert!(journey.result(5)["content"].to_string().contains("what the person wrote"), "{:#}", journey.result(5));
    assert_eq!(journey.result(6)["contents"][0]["uri"], DOCUMENT);
    behind.logs(&["call_opened", "call_closed", "call_refused"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_everything_over_http_sees_no_credential_where_it_is_to_have_none() {
    let Some(client) = Client::here() else { return };
    let behind = Behind::a_site(|url| resource(&json!({ "url": url, "credential": "none" }))).await;
    let mut command = told("node");
    command.arg("--import").arg(Path::new(TESTKIT).join("upstreams/heard.mjs")).arg(program()).arg("streamableHttp");
    command.env("PORT", behind.port.to_string());
    let mut server = Running::of(command, "Starting");
    server.logs("listening on port");
    let _site = behind.site.serve();

    let journey = client.goes(&behind.url(), &steps("get-env"));

    arrived(&journey, &behind).await;
    journey.ended(400); // which is what this server says of sessions that it does not have
    let mapped = ["echo", "trigger-elicitation-request", "trigger-long-running-operation", "trigger-sampling-request"];
    assert_eq!(journey.listed(0), mapped);
    let heard = heard(&mut server, journey.token());
    assert!(heard.iter().all(|headers| headers.get("authorization").is_none()), "{heard:#?}");

    let drafted = behind.drafted(None);
    let journey = client.goes(&drafted, &json!([{ "list": "tools" }, { "call": "get-sum", "arguments": { "a": 2, "b": 3 } }]));

    let shown = journey.listed(0);
    assert!(shown.contains(&"get-env") && !shown.contains(&"trigger-sampling-request"), "what it had for `import`: {shown:?}");
    assert!(journey.text(1).contains('5'), "{}", journey.text(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_everything_as_a_child_of_the_gateway_sees_its_own_environment_alone() {
    let Some(client) = Client::here() else { return };
    let behind = Behind::a_site(|url| {
        let stdio = json!({ "command": node(), "args": [program(), "stdio"], "env": { "KEY": "env:SECRET" }, "settings": { "OF": url } });
        let mut resource = resource(&json!({ "stdio": stdio }));
        resource["tools"]["get-env"] = json!({ "scope": "their:read", "read_only": true });
        resource
    })
    .await;
    let _site = behind.site.serve();
    let mut steps = steps("get-sum");
    steps.as_array_mut().expect("a list").push(json!({ "call": "get-env" }));

    let journey = client.goes(&behind.url(), &steps);

    arrived(&journey, &behind).await;
    journey.ended(404);
    let environment: Value = serde_json::from_str(journey.text(7)).expect("JSON");
    assert_eq!((&environment["KEY"], &environment["OF"]), (&json!(cast::SECRET), &json!(behind.address())));
    assert_eq!(environment.as_object().map(Map::len), Some(3), "besides PATH: {environment:#}");
    ends(&behind.address());

    let (node, program) = (node(), program());
    let drafted = behind.drafted_of(&[&node, program.to_str().expect("a path of ours"), "stdio"]);
    ends(&behind.address());
    let steps = json!([{ "list": "tools" }, { "call": "get-sum", "arguments": { "a": 2, "b": 3 } }, { "call": "get-env" }]);
    let journey = client.goes(&drafted, &steps);

    let shown = journey.listed(0);
    assert!(shown.contains(&"get-env") && !shown.contains(&"trigger-sampling-request"), "what it had for `import`: {shown:?}");
    assert!(journey.text(1).contains('5'), "{}", journey.text(1));
    assert!(journey.text(2).contains(cast::SECRET), "it has its key by the draft");
    ends(&behind.address());
}

/// The process with this in its environment ends.
fn ends(mark: &str) {
    let has_it = |process: &Path| fs::read(process.join("environ")).is_ok_and(|all| String::from_utf8_lossy(&all).contains(mark));
    let runs = || fs::read_dir("/proc").expect("Linux").flatten().any(|process| has_it(&process.path()));
    let ended = (0..1000).any(|_| {
        sleep(Duration::from_millis(20));
        !runs()
    });
    assert!(ended, "the child outlived what it was run for");
}

fn node() -> String {
    let path = Command::new("node").args(["-p", "process.execPath"]).output().expect("node runs");
    String::from_utf8(path.stdout).expect("a path").trim().to_owned()
}

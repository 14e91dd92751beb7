//! `chancery import`: from an MCP server's address, or a program, to a resource that `plan` takes and the gateway goes by.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use chancery_core::SystemClock;
use chancery_testkit::cast::{self, ALICE};
use chancery_testkit::web::{self, Reply, Web};
use chancery_testkit::{Behind, Folder};
use http::Response;
use serde_json::{Value, json};

use crate::app::App;
use crate::offering::{Era, Heard, Offering, answer, says, tool};
use crate::process::{Ended, Running, configuration, free_port, run, write};
use crate::served::server;

const PYTHON: &str = "/usr/bin/python3";
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/clients/stdio_server.py");

fn pages() -> Vec<Vec<Value>> {
    vec![vec![tool("lookup", true)], vec![], vec![tool("wipe", false), json!({ "name": "ponder" })]]
}

/// Runs it while the servers of this test go on.
pub async fn import(folder: &Folder, arguments: &[&str]) -> Ended {
    let (path, arguments) = (folder.path().to_owned(), arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    let ended = tokio::task::spawn_blocking(move || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_chancery"));
        command
            .arg("import")
            .args(arguments)
            .current_dir(path)
            .env("KEY", "hunter2")
            .env("CORP_SECRET", "x")
            .env("SSL_CERT_FILE", "/dev/null");
        command.output().expect("the binary can be run")
    });
    ended.await.expect("it ended").into()
}

/// From the address of the server to calls through the gateway.
async fn to_a_working_call(era: Era, streams: bool, version: &str) {
    let (folder, port) = (Folder::new(), free_port());
    let base = format!("http://127.0.0.1:{port}");
    let (behind, offering) = (Behind::start(&base, Arc::new(SystemClock)).await, Offering::of(era, streams, pages()).await);

    let imported = import(&folder, &[&offering.url, "--name", "bank"]).await;
    imported.with(0, &[&format!("over MCP {version}"), "CHECK", "\"lookup\":\n        scope: \"bank:read\"", "# read_only: true"]);

    let mut file = cast::file(&base, &behind);
    file["server"] = server(port, "sqlite:data/chancery.db");
    let kept = ["server", "tenant", "base_url", "identity_providers", "registration"];
    let text: String = kept.iter().map(|key| format!("{key}: {}\n", file[key])).collect();
    write(&folder, "chancery.yaml", &format!("{text}{}", imported.out));
    run(&folder, &["plan"]).with(0, &["bank"]);
    run(&folder, &["apply"]).with(0, &["version 1"]);

    let _server = Running::start(&folder, &["serve"], "listening on");
    let app = App::registered_at(&base).await;
    let tokens = app.redeem(&app.approved_for(ALICE, "bank:read").await).await;
    let mut mcp = app.mcp(&tokens);
    if era == Era::Stateless {
        mcp = mcp.stateless();
    }
    mcp.call("lookup", json!({})).await.answered();
    for tool in ["wipe", "ponder"] {
        let refused = mcp.call(tool, json!({})).await;
        assert!(format!("{:?}", refused.challenged("insufficient_scope")).contains("bank:write"), "{refused:?}");
    }
    assert_eq!(mcp.call("of_tomorrow", json!({})).await.denied(200)["data"]["reason"], "tool_not_mapped");
    let called: Vec<_> = offering
        .heard()
        .iter()
        .filter(|heard| heard.message["method"] == "tools/call")
        .map(|heard| heard.message["params"]["name"].clone())
        .collect();
    assert_eq!(called, ["lookup"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_leads_from_a_server_with_sessions_to_calls_that_are_checked() {
    to_a_working_call(Era::Sessions, false, "2025-11-25").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_leads_from_a_stateless_server_to_calls_that_are_checked() {
    to_a_working_call(Era::Stateless, true, "2026-07-28").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_speaks_as_a_client_of_either_era_would() {
    let of_before = Offering::of(Era::Sessions, true, pages()).await;
    let told = import(&Folder::new(), &[&of_before.url, "--name", "notes"]).await;
    told.with(0, &["(\"of before\")", "its prompts take it too", "\"wipe\":", "\"ponder\":", "asking for initialize", "3 tools so far"]);
    let asked = of_before.asked();
    assert_eq!(asked[..3], ["server/discover", "initialize", "notifications/initialized"]);
    assert_eq!(asked[3..], ["tools/list", "tools/list", "tools/list", "DELETE"]);
    for heard in &of_before.heard()[2..] {
        assert_eq!((heard.header("mcp-session-id"), heard.header("mcp-protocol-version")), (Some("s-1"), Some("2025-11-25")));
        assert_eq!((heard.header("mcp-method"), heard.header("authorization")), (None, None));
    }

    let of_now = Offering::of(Era::Stateless, false, pages()).await;
    let told = import(&Folder::new(), &[&of_now.url]).await;
    told.with(0, &["(\"of now\")", "its resources take it too", "\"server:read\"", "# credential: none"]);
    assert_eq!(of_now.asked(), ["server/discover", "tools/list", "tools/list", "tools/list"]);
    assert!(of_now.heard().iter().all(|heard| heard.header("mcp-session-id").is_none()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_stands_elsewhere_and_is_named() {
    let asks = |heard: &Heard| match heard.header("x-api-key") {
        Some("hunter2") => says(200, &heard.result(&json!({ "supportedVersions": ["2026-07-28"], "tools": [tool("lookup", true)] }))),
        _ => answer(401, &[("www-authenticate", "Bearer resource_metadata=\"https://[::1]/prm\"")], ""),
    };
    let (folder, offering) = (Folder::new(), Offering::saying(asks).await);

    let refused = import(&folder, &[&offering.url]).await;
    refused.with(11, &["lets nobody in", "status 401, and asks for Bearer resource_metadata='https://[::1]/prm'", "--header"]);

    write(&folder, "key", "hunter2\n");
    for reference in ["env:KEY", "file:key"] {
        let told = import(&folder, &[&offering.url, "--header", &format!("X-Api-Key={reference}")]).await;
        told.with(0, &["header: { name: \"X-Api-Key\", value: \""]);
        assert!(!format!("{}{}", told.out, told.err).contains("hunter2"), "{}{}", told.out, told.err);
        let written = if reference == "env:KEY" { reference.to_owned() } else { format!("file:{}", folder.path().join("key").display()) };
        assert!(told.out.contains(&written), "{}", told.out);
    }

    let heard = offering.heard().len();
    let clear = import(&folder, &[&offering.url, "--header", "X-Api-Key=hunter2"]).await;
    clear.with(2, &["env:NAME"]);
    import(&folder, &[&offering.url, "--header", "X-Api-Key=env:NOWHERE_SET"]).await.with(3, &["`env:NOWHERE_SET` is not set"]);
    import(&folder, &[&offering.url, "--header", "Mcp-Session-Id=env:KEY"]).await.with(2, &["the gateway itself says `Mcp-Session-Id`"]);
    import(&folder, &[&format!("{}?x", offering.url)]).await.with(2, &["an upstream's URL has no query"]);
    assert_eq!(offering.heard().len(), heard, "nobody is asked where the command line is wrong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_mcp_server_is_told_for_what_it_is() {
    type Case = (fn(&Heard) -> Response<Body>, &'static [&'static str]);
    let cases: [Case; 13] = [
        (|_| answer(401, &[], ""), &["lets nobody in", "status 401", "--header Authorization=env:VARIABLE"]),
        (|_| answer(403, &[], ""), &["status 403"]),
        (|_| answer(404, &[], ""), &["status 404", "check the path", "/mcp"]),
        (|_| answer(405, &[], ""), &["status 405", "HTTP+SSE"]),
        (|_| answer(421, &[], ""), &["status 421", "host name"]),
        (|_| answer(200, &[("content-type", "text/html")], "<!doctype html>"), &["does not answer as an MCP server", "text/html", "/mcp"]),
        (|_| answer(200, &[], ""), &["something that has no type"]),
        (|_| says(200, &json!({ "hello": "world" })), &["no message of JSON-RPC"]),
        (|_| answer(503, &[("content-type", "text/plain")], "busy"), &["status 503, with text/plain", "own log"]),
        (|_| answer(307, &[("location", "https://elsewhere.example/mcp")], ""), &["sends whoever asks elsewhere", "elsewhere.example"]),
        (|heard| says(200, &heard.error(-32603, "no \u{1b}[31m\u{202e}luck\nat all")), &["error -32603: no [31mluck at all"]),
        (|_| answer(200, &[("content-type", "text/event-stream")], ": nothing\n\n"), &["ended without an answer"]),
        (|_| answer(200, &[("content-type", "application/json"), ("content-encoding", "gzip")], "x"), &["packs its answers by gzip"]),
    ];
    for (answer, words) in cases {
        let offering = Offering::saying(answer).await;
        let told = import(&Folder::new(), &[&offering.url]).await;
        told.with(11, words);
        assert!(told.out.is_empty() && !told.err.contains(['\u{1b}', '\u{202e}', '\u{7f}']), "{words:?}: {:?}", told.err);
        assert!(told.err.contains("\n  why: ") && told.err.contains("\n  do: "), "{}", told.err);
    }
    import(&Folder::new(), &["http://127.0.0.1:1/mcp"]).await.with(11, &["cannot be reached", "no connection to 127.0.0.1", "--ca FILE"]);
    import(&Folder::new(), &["http://nobody.invalid/mcp"]).await.with(11, &["cannot be reached", "nobody.invalid"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_ends_has_an_end() {
    let pages = |heard: &Heard| {
        let at = heard.message["params"]["cursor"].as_str().map_or(0, |cursor| cursor.parse::<u32>().expect("a cursor of ours"));
        let tools: Vec<_> = (0..100).map(|tool| json!({ "name": format!("{at}-{tool}") })).collect();
        says(200, &heard.result(&json!({ "supportedVersions": ["2026-07-28"], "tools": tools, "nextCursor": (at + 1).to_string() })))
    };
    let offering = Offering::saying(pages).await;
    import(&Folder::new(), &[&offering.url]).await.with(11, &["says more than is read", "more than 10000 tools"]);

    let in_a_circle = |heard: &Heard| {
        says(200, &heard.result(&json!({ "supportedVersions": ["2026-07-28"], "tools": [tool("a", true)], "nextCursor": "again" })))
    };
    let offering = Offering::saying(in_a_circle).await;
    import(&Folder::new(), &[&offering.url]).await.with(11, &["its list of tools does not end"]);
    assert_eq!(offering.asked().len(), 3);

    let large = |_: &Heard| answer(200, &[("content-type", "application/json")], vec![b' '; 17 << 20]);
    import(&Folder::new(), &[&Offering::saying(large).await.url]).await.with(11, &["one answer has more than 16 MiB"]);

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let url = format!("http://{}/mcp", silent.local_addr().expect("it is bound"));
    import(&Folder::new(), &[&url, "--timeout", "1"]).await.with(11, &["does not answer", "--timeout"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_authority_is_not_known_is_not_believed() {
    let (folder, web) = (Folder::new(), Web::start().await);
    web.put("/mcp", Reply::new(401, &[], "").after(Duration::ZERO));
    import(&folder, &[&web.at("/mcp")]).await.with(11, &["cannot be reached", "did not prove its name by TLS", "--ca FILE"]);
    assert_eq!(web.asked_in_all(), 0);
    import(&folder, &[&web.at("/mcp"), "--ca", web::AUTHORITY]).await.with(11, &["status 401"]);
    let text = std::fs::read_to_string(configuration(&folder, free_port())).expect("it was written");
    write(&folder, "chancery.yaml", &text.replace("server: {", &format!("server: {{ trust: [ {} ],", web::AUTHORITY)));
    import(&folder, &[&web.at("/mcp"), "--config", "chancery.yaml"]).await.with(11, &["status 401"]);
    import(&folder, &[&web.at("/mcp"), "--ca", "nowhere.pem"]).await.with(3, &["nowhere.pem"]);
    write(&folder, "no.pem", "hello");
    import(&folder, &[&web.at("/mcp"), "--ca", "no.pem"]).await.with(3, &["no certificate in PEM form"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_over() {
    let (folder, offering) = (Folder::new(), Offering::of(Era::Stateless, false, pages()).await);
    let ours = write(&folder, "bank.yaml", "ours");
    import(&folder, &[&offering.url, "--out", "bank.yaml"]).await.with(3, &["bank.yaml is there already", "--out"]);
    assert_eq!(std::fs::read_to_string(&ours).expect("it is there"), "ours");
    assert!(offering.heard().is_empty());

    import(&folder, &[&offering.url, "--out", "new.yaml"]).await.with(0, &["wrote 3 tools to new.yaml"]);
    let text = std::fs::read_to_string(folder.path().join("new.yaml")).expect("it was written");
    assert!(text.contains("\"wipe\":"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_are_told_the_same_in_json() {
    let (folder, offering) =
        (Folder::new(), Offering::of(Era::Stateless, false, vec![vec![tool("look\u{202e}up", true), tool("lookup", true)]]).await);
    let told = import(&folder, &[&offering.url, "--json"]).await;
    told.with(0, &[]);
    assert!(told.out.is_ascii() && told.out.lines().count() == 1, "{}", told.out);
    let told: Value = serde_json::from_str(&told.out).expect("JSON");
    let tools = json!([
        { "name": "lookup", "scope": "server:read", "says": "reads", "description": "Does lookup." },
        { "name": "look\u{202e}up", "scope": "server:write", "says": "reads", "description": "Does lookup." },
    ]);
    assert_eq!((&told["tools"], &told["protocol_version"], &told["file"]), (&tools, &json!("2026-07-28"), &Value::Null));
    assert!(told["yaml"].as_str().is_some_and(|text| text.contains("\"look\\u202Eup\":")), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_run_as_the_gateway_would() {
    let folder = Folder::new();
    let arguments = ["--stdio", "--name", "files", "--env", "TOKEN=env:KEY", "--setting", "LEVEL=info", "--", PYTHON, "-u", PROGRAM];
    let told = import(&folder, &arguments).await;
    told.with(
        0,
        &[
            "over MCP 2025-11-25",
            "command: \"/usr/bin/python3\"",
            "args: [ \"-u\", \"",
            "env: { \"TOKEN\": \"env:KEY\" }",
            "settings: { \"LEVEL\": \"info\" }",
            "\"who\":\n        scope: \"files:write\"",
        ],
    );
    assert!(!told.out.contains("hunter2"), "{}", told.out);

    import(&folder, &["--stdio", "--", "python3"]).await.with(2, &["`python3` is not an absolute path"]);
    import(&folder, &["--stdio", "--", "/nowhere/at/all"]).await.with(11, &["cannot be started"]);
    import(&folder, &["--stdio", "--", "/bin/sh", "-c", "echo my last words >&2"]).await.with(11, &["it ended", "my last words"]);
    import(&folder, &["--stdio", "--timeout", "1", "--", "/bin/sh", "-c", "sleep 600"]).await.with(11, &["does not answer"]);
    import(&folder, &["--stdio"]).await.with(2, &["COMMAND"]);
    import(&folder, &["http://127.0.0.1:1/", "--stdio", "--", "/bin/sh"]).await.with(2, &["cannot be used with"]);
}

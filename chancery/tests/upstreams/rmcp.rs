//! A server on the Rust SDK (testkit/upstreams/rmcp).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::Client;
use crate::process::Running;
use crate::server::{Behind, or_skipped, told};

/// `cargo xtask tools` builds it beside us.
fn program() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_chancery")).with_file_name("upstream-rmcp");
    or_skipped("the rmcp server", program.exists().then_some(program).ok_or_else(|| "cargo xtask tools builds it".to_owned()))
}

fn resource(url: &str) -> Value {
    json!({
        "upstream": { "url": url },
        "tools": { "sum": { "scope": "their:read", "read_only": true }, "pay": { "scope": "their:read" } },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rmcp_serves_a_whole_session_through_the_gateway() {
    let (Some(client), Some(program)) = (Client::here(), program()) else { return };
    let behind = Behind::a_site(resource).await;
    let mut command = told(program);
    command.arg(behind.port.to_string());
    let mut server = Running::of(command, "listening on");
    let _site = behind.site.serve();

    let journey = client.goes(
        &behind.url(),
        &json!([
            { "list": "tools" },
            { "call": "sum" },
            { "call": "count", "arguments": { "to": 3 } },
            { "call": "pay" },
            { "read": "ledger://today" },
        ]),
    );

    assert_eq!(journey.listed(0), ["count", "sum"], "no policy lets anybody pay");
    assert_eq!(journey.text(1), "42");
    journey.asked(2, "sampling/createMessage", 3);
    assert!(journey.text(2).contains("3 seen, says the client's model"), "{}", journey.text(2));
    journey.refused(3, "denied_by_policy");
    assert_eq!(journey.result(4)["contents"][0]["text"], "nothing owed");
    journey.ended(404);
    behind.heard_our_token(&mut server, journey.token());

    let drafted = behind.drafted(None);
    let journey = client.goes(&drafted, &json!([{ "list": "tools" }, { "call": "sum" }]));

    assert_eq!(journey.listed(0), ["sum"], "the others do not say that they only read");
    assert_eq!(journey.text(1), "42");
}

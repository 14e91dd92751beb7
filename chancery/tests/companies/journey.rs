//! The README's way, with the binary as it ships and nothing of ours in it but the file: a company's Keycloak, a server behind the gateway,
//! and a client that somebody else wrote.

use std::sync::Arc;

use chancery_core::SystemClock;
use chancery_testkit::cast::{self, IDENTITY_PROVIDER, TENANT};
use chancery_testkit::keycloak::Keycloak;
use chancery_testkit::{Behind, Folder, node};
use serde_json::{Value, json};

use crate::process::{Ended, Running, free_port, run, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_file_that_names_keycloak_to_a_tool_call_of_the_mcp_sdk() {
    let Some(mut client) = node::script("mcp-sdk-v1.mjs") else { return };
    let Some(keycloak) = Keycloak::here().await else { return };
    let (folder, port) = (Folder::new(), free_port());
    let base = format!("http://127.0.0.1:{port}");
    let behind = Behind::start(&base, Arc::new(SystemClock)).await;
    let realm = keycloak.realm(&[&format!("{base}/t/{TENANT}/callback/{IDENTITY_PROVIDER}")]).await;
    let mut file = cast::file(&base, &behind);
    file["identity_providers"] = json!([realm.declared(IDENTITY_PROVIDER)]);
    file["server"] = json!({
        "listen": format!("127.0.0.1:{port}"),
        "store": "sqlite:data/chancery.db",
        "keys": { "file": "data/chancery.key" },
        "socket": "data/chancery.sock",
        "apply_at_start": true,
    });
    write(&folder, "chancery.yaml", &file.to_string()); // JSON is YAML

    run(&folder, &["plan"]).with(0, &["tenant demo is new"]);
    let _server = Running::start(&folder, &["serve", "--require-providers"], "listening on");
    let called = tokio::task::spawn_blocking(move || client.args([&format!("{base}/mcp/bank"), "account_balance", "{}", "alice"]).output());

    let ended = Ended::from(called.await.expect("it runs").expect("node runs"));
    ended.with(0, &[]);
    let journey: Value = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}", ended.out));
    assert!(journey["result"]["content"][0]["text"].is_string() && journey["again"]["isError"] != true, "{journey:#}");
    run(&folder, &["audit", "tail"]).with(0, &["signed_in", "consent_given", "token_issued", "call_closed"]);
}

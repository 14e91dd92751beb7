//! Clients and an identity provider that others wrote, unmodified, from a URL to a protected tool call.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;

use chancery_core::SystemClock;
use chancery_testkit::postgres::Database;
use chancery_testkit::{Behind, Folder, SeededRng, balancer, cast, node};
use serde_json::{Value, json};

use crate::process::{Ended, Running, free_port, run, write};
use crate::served;

/// What npm `oidc-provider` knows this site by.
const PROVIDER_SECRET: &str = "a-secret-of-the-tests-alone-0123456789";

/// The MCP TypeScript SDK v1 does all it can: finds its way, registers, calls, refreshes, calls again, leaves.
fn mcp_sdk_v1(mut client: Command, base: &str) -> Value {
    let ended = Ended::from(client.args([&format!("{base}/mcp/bank"), "account_balance", "{}", "alice"]).output().expect("node runs"));
    ended.with(0, &[]);
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}", ended.out))
}

/// `shown` are the tools of its list: those that this client may use.
fn arrived(journey: &Value, base: &str, shown: &[&str]) {
    assert_eq!(journey["iss"], format!("{base}/t/demo"), "{journey:#}");
    assert_eq!(journey["issuer"], journey["iss"], "{journey:#}");
    assert_eq!(journey["tools"], json!(shown), "{journey:#}");
    for result in [&journey["result"], &journey["again"]] {
        assert!(result["isError"] != true && result["content"][0]["text"].is_string(), "{journey:#}");
    }
    assert_eq!(journey["rotated"], true, "{journey:#}");
    assert_eq!(journey["claims"]["aud"], format!("{base}/mcp/bank"), "{journey:#}");
    assert_eq!(journey["claims"]["client_id"], journey["client_id"], "{journey:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_typescript_sdk_v1_at_the_demo() {
    let Some(client) = node::script("mcp-sdk-v1.mjs") else { return };
    let (folder, port) = (Folder::new(), free_port());
    let _demo = Running::start(&folder, &["demo", "--as", "alice", "--port", &port.to_string()], "Now connect a client");
    let base = format!("http://127.0.0.1:{port}");

    let journey = mcp_sdk_v1(client, &base);

    arrived(&journey, &base, &["account_balance"]);
    let steps = journey["steps"].as_array().expect("a list");
    assert!(steps.iter().all(|step| step.as_str().is_some_and(|step| step.starts_with("GET "))), "nothing is asked: {steps:#?}");
}

/// Two processes on one database, behind a balancer, with npm `oidc-provider` as the company's identity provider.
struct Cluster {
    base: String,
    folder: Folder,
    _servers: Vec<Running>,
    _provider: Running,
    _database: Database,
}

impl Cluster {
    async fn start() -> Option<Self> {
        let provider = node::script("oidc-provider.mjs")?;
        let database = tokio::task::spawn_blocking(Database::fresh).await.expect("a database, or the panic that says why not")?;
        let (front, base) = chancery_testkit::listen().await;
        let behind = Behind::start(&base, Arc::new(SystemClock)).await;
        let (provider, issuer) = identity_provider(provider, &base);

        let folder = Folder::new();
        let mut file = cast::file(&base, &behind);
        file["identity_providers"][0]["issuer"] = json!(issuer);
        file["identity_providers"][0]["client_secret"] = json!("file:provider-secret");
        write(&folder, "provider-secret", PROVIDER_SECRET);
        let ports = [free_port(), free_port()];
        for (name, port) in [("one.yaml", ports[0]), ("other.yaml", ports[1])] {
            file["server"] = served::server(port, &database.url());
            write(&folder, name, &file.to_string());
        }
        run(&folder, &["apply", "--config", "one.yaml"]).with(0, &["version 1"]);
        let servers = ["one.yaml", "other.yaml"].map(|file| Running::start(&folder, &["serve", "--config", file], "listening on"));
        let nodes = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        balancer::start(front, nodes.to_vec(), Arc::new(SeededRng::new(2)));
        Some(Self { base, folder, _servers: servers.into(), _provider: provider, _database: database })
    }

    /// The log as one of the servers tells it.
    fn audit(&self, file: &str) -> String {
        let tail = run(&self.folder, &["audit", "tail", "--config", file]);
        assert_eq!(tail.code, Some(0), "{}", tail.err);
        tail.out
    }
}

fn identity_provider(mut program: Command, base: &str) -> (Running, String) {
    let issuer = format!("http://127.0.0.1:{}", free_port());
    let port = issuer.rsplit(':').next().expect("it ends in a port");
    program.args([port, &format!("{base}/t/demo/callback/{}", cast::IDENTITY_PROVIDER)]);
    (Running::of(program, &issuer), issuer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_typescript_sdk_v1_at_two_nodes_with_oidc_provider() {
    let Some(client) = node::script("mcp-sdk-v1.mjs") else { return };
    let Some(cluster) = Cluster::start().await else { return };

    let journey = mcp_sdk_v1(client, &cluster.base);

    arrived(&journey, &cluster.base, &["account_balance"]);
    for file in ["one.yaml", "other.yaml"] {
        let log = cluster.audit(file);
        for kind in ["signed_in", "consent_given", "token_issued", "token_refreshed", "call_opened", "call_closed"] {
            assert!(log.contains(kind), "{kind} is not in the log:\n{log}");
        }
    }
}

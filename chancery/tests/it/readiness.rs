//! `GET /ready`, the metrics of it, and what `doctor` says: how a node is, and how the servers behind it are, which changes nothing.

use std::sync::Arc;
use std::time::Duration;

use chancery_core::SystemClock;
use chancery_testkit::cast::ALICE;
use chancery_testkit::{Browser, Kind, nobody};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::app::App;
use crate::process::{free_port, run};
use crate::served::Served;

/// The server is left alone for twice as long each time, in the end for longer than it takes to look at everything.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_is_told_and_leaves_the_node_ready() {
    let (port, (_nobody, dead)) = (free_port(), nobody());
    let told = |file: &mut Value| {
        file["server"]["metrics"] = json!({ "listen": format!("127.0.0.1:{port}") });
        file["resources"][0]["upstream"] = json!({ "url": format!("{dead}/mcp") });
    };
    let served = Served::on(Kind::Sqlite, told).await.expect("SQLite is always there");
    let _server = served.serve();
    let program = Browser::program(Arc::new(SystemClock));
    let app = App::registered_at(&served.base).await;
    let mcp = app.mcp(&app.redeem(&app.approved_by(ALICE).await).await);
    let (public, own) = (format!("{}/ready", served.base), format!("http://127.0.0.1:{port}/ready"));
    let page = async || program.get(&format!("http://127.0.0.1:{port}/metrics")).await.has_status(200).text();
    let resource = format!("{}/mcp/bank", served.base);
    let series = |state: &str, count: u32| format!("chancery_upstream_addresses{{resource=\"{resource}\",state=\"{state}\"}} {count}");

    let why = async || mcp.send("tools/list", json!({})).await.denied(502)["data"]["reason"].clone();

    why().await;
    assert!(page().await.contains(&series("asked", 1)) && page().await.contains(&series("resting", 0)));
    let begun = Instant::now();
    let (anybody, operator, page, doctor) = loop {
        while why().await != "upstream_resting" {}
        let (anybody, operator) = (program.get(&public).await, program.get(&own).await);
        let looks = (anybody, operator, page().await, run(&served.folder, &["doctor"]));
        if why().await == "upstream_resting" {
            break looks; // all the while, so all of them must have seen it
        }
        assert!(begun.elapsed() < PATIENCE, "it is never left alone for as long as a look takes");
    };

    let anybody = anybody.has_status(200).json();
    assert_eq!((&anybody["ready"], &anybody["upstreams"]), (&json!(true), &json!({ "asked": 1, "resting": 1 })), "{anybody}");
    let operator = operator.has_status(200).json();
    let upstream = &operator["upstreams"][0];
    assert_eq!((&operator["ready"], &upstream["resource"]), (&json!(true), &json!(resource)), "{operator}");
    assert!(upstream["address"].as_str().is_some_and(|address| address.contains(&dead)), "{operator}");
    assert!(upstream["resting"].as_str().is_some_and(|why| why.contains("failed several times")), "{operator}");
    for line in [series("asked", 0), series("resting", 1), "chancery_ready 1".to_owned()] {
        assert!(page.contains(&line), "{line} is not on the page:\n{page}");
    }
    let lag = page.lines().find_map(|line| line.strip_prefix("chancery_feed_lag_seconds ")).map(str::parse::<f64>);
    assert!(matches!(lag, Some(Ok(0.0..5.0))), "{lag:?}:\n{page}");
    doctor.with(
        10,
        &[
            "ok   the server that runs: ready",
            &format!("look resource {resource}, upstream, as the server met it"),
            "it failed several times",
            "BAD  resource bank, upstream",
        ],
    );
}

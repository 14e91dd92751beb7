//! `GET /ready`, the metrics of it, and what `doctor` says: how a node is, and how the servers behind it are, which changes nothing.

use std::sync::Arc;

use chancery_core::SystemClock;
use chancery_testkit::cast::ALICE;
use chancery_testkit::{Browser, Kind};
use serde_json::{Value, json};

use crate::app::App;
use crate::process::{free_port, run};
use crate::served::Served;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_is_told_and_leaves_the_node_ready() {
    let (port, dead) = (free_port(), free_port());
    let told = |file: &mut Value| {
        file["server"]["metrics"] = json!({ "listen": format!("127.0.0.1:{port}") });
        file["resources"][0]["upstream"] = json!({ "url": format!("http://127.0.0.1:{dead}/mcp") });
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

    mcp.send("tools/list", json!({})).await.denied(502);
    assert!(page().await.contains(&series("asked", 1)) && page().await.contains(&series("resting", 0)));
    for _ in 1..5 {
        mcp.send("tools/list", json!({})).await.denied(502);
    }

    let anybody = program.get(&public).await.has_status(200).json();
    assert_eq!((&anybody["ready"], &anybody["upstreams"]), (&json!(true), &json!({ "asked": 1, "resting": 1 })), "{anybody}");
    let operator = program.get(&own).await.has_status(200).json();
    let upstream = &operator["upstreams"][0];
    assert_eq!((&operator["ready"], &upstream["resource"]), (&json!(true), &json!(resource)), "{operator}");
    assert!(upstream["address"].as_str().is_some_and(|address| address.contains(&dead.to_string())), "{operator}");
    assert!(upstream["resting"].as_str().is_some_and(|why| why.contains("failed several times")), "{operator}");
    let page = page().await;
    for line in [series("asked", 0), series("resting", 1), "chancery_ready 1".to_owned(), "chancery_feed_lag_seconds 0.".to_owned()] {
        assert!(page.contains(&line), "{line} is not on the page:\n{page}");
    }
    run(&served.folder, &["doctor"]).with(
        10,
        &[
            "ok   the server that runs: ready",
            &format!("look resource {resource}, upstream, as the server met it"),
            "it failed several times",
            "BAD  resource bank, upstream",
        ],
    );
}

//! Two servers on one PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use chancery_core::SystemClock;
use chancery_testkit::postgres::Database;
use chancery_testkit::{Browser, Folder};

use crate::process::{Running, configuration, free_port, run, write};

/// What is promised is a second; machines that run tests are slow.
const TRIES: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_is_told_the_other_serves() {
    let Some(database) = Database::fresh() else { return };
    let (folder, ports) = (Folder::new(), [free_port(), free_port()]);
    let text = std::fs::read_to_string(configuration(&folder, ports[0])).unwrap();
    let text = text.replace("sqlite:data/chancery.db", &format!("'{}'", database.url()));
    write(&folder, "chancery.yaml", &text);
    let listen = format!("listen: 127.0.0.1:{}", ports[0]);
    let other = text.replace(&listen, &format!("listen: 127.0.0.1:{}", ports[1])).replace("admin.sock", "other.sock");
    write(&folder, "other.yaml", &other);

    run(&folder, &["apply"]).with(0, &["acme is now at version 1"]);
    let _servers = [
        Running::start(&folder, &["serve"], "listening on"),
        Running::start(&folder, &["serve", "--config", "other.yaml"], "listening on"),
    ];
    write(&folder, "chancery.yaml", &text.replace("title: Bank", "title: The Bank"));
    run(&folder, &["apply"]).with(0, &["acme is now at version 2"]);

    let url = format!("http://127.0.0.1:{}/.well-known/oauth-protected-resource/mcp/bank", ports[1]);
    let program = Browser::program(Arc::new(SystemClock));
    for _ in 0..TRIES {
        if program.get(&url).await.has_status(200).text().contains("The Bank") {
            return run(&folder, &["audit", "tail", "--config", "other.yaml"]).with(0, &["version=1", "version=2"]);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the other server still serves what was");
}

#[test]
fn nodes_that_share_a_database_do_not_apply_their_files() {
    let folder = Folder::new();
    let text = std::fs::read_to_string(configuration(&folder, free_port())).unwrap();
    let text = text.replace("sqlite:data/chancery.db", "'postgres://u@127.0.0.1:1/x', apply_at_start: true");
    write(&folder, "chancery.yaml", &text);
    run(&folder, &["serve"]).with(3, &["apply_at_start", "chancery apply"]);
    write(&folder, "chancery.yaml", &text.replace(", apply_at_start: true", ""));
    run(&folder, &["serve"]).with(5, &["127.0.0.1:1"]);
}

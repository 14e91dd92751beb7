//! Commands that do not work, and how they are tried again.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Called, Folder, Mcp, Site};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::children::{SILENT, behind, count, hello, reason};
use crate::stdio::until;
use crate::upstream::PATIENCE;

/// Sends these together, and says what came of it, in order of the words.
async fn reasons(mcp: &Mcp, messages: &[&Value]) -> Vec<Value> {
    let answers = join_all(messages.iter().map(|message| mcp.post(message)));
    let answers = timeout(PATIENCE, answers).await.expect("whoever waits is told");
    let mut all: Vec<Value> = answers.into_iter().map(|answer| reason(&Called(answer))).collect();
    all.sort_unstable_by_key(Value::to_string);
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_never_speaks_is_left_alone_like_one_that_cannot_live() {
    let (site, folder) = (Site::on_sqlite().await, Folder::new());
    behind(&site, &folder, &json!(["-c", SILENT]), json!({ "first_byte": "1s" })).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let (in_session, alone) = (hello(&mcp), mcp.message("tools/list", json!({})));

    let all = reasons(&mcp, &[&in_session, &in_session, &in_session, &alone, &alone]).await;

    assert_eq!(all, ["upstream_broke_off"; 5]);
    assert_eq!(reasons(&mcp, &[&in_session, &alone]).await, ["upstream_resting"; 2]);
    until("they are kept", || count(&folder) == 0).await;
    // One is tried after the pause, and the next pause is longer.
    site.turn(Duration::from_secs(1));
    let all = reasons(&mcp, &[&in_session, &alone, &in_session]).await;
    assert_eq!(all, ["upstream_broke_off", "upstream_resting", "upstream_resting"]);
    site.turn(Duration::from_secs(1));
    assert_eq!(reasons(&mcp, &[&in_session]).await, ["upstream_resting"]);
    until("the one that was tried is kept", || count(&folder) == 0).await;
}

/// It says much, and nothing that is a server's.
const BABBLING: &str = r#"
import sys
sys.stdin.readline()
for said in ["{}", '{"id":1}', '{"jsonrpc":"2.0"}', '{"jsonrpc":"2.0","id":"nobody\'s","result":{}}']:
    print(said, flush=True)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_speaks_to_nobody_does_not_work() {
    let (site, folder) = (Site::on_sqlite().await, Folder::new());
    behind(&site, &folder, &json!(["-c", BABBLING]), json!({})).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let mut message = hello(&mcp);
    message["id"] = json!("mine");
    for _ in 0..5 {
        assert_eq!(reasons(&mcp, &[&message]).await, ["upstream_broke_off"]);
    }
    assert_eq!(reasons(&mcp, &[&message]).await, ["upstream_resting"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_asked_tries_no_command() {
    let (site, folder) = (Site::on_sqlite().await, Folder::new());
    behind(&site, &folder, &json!(["-c", "import sys; sys.stdin.readline()"]), json!({})).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let message = hello(&mcp);
    for _ in 0..5 {
        assert_eq!(reasons(&mcp, &[&message]).await, ["upstream_broke_off"]);
    }
    let (mut in_session, mut alone) = (message.clone(), mcp.message("tools/list", json!({})));
    for asked in [&mut in_session, &mut alone] {
        asked["id"] = json!("x".repeat(2000));
    }
    let cannot_be_asked = [&in_session, &alone];

    assert_eq!(reasons(&mcp, &cannot_be_asked).await, ["invalid_request"; 2], "whether or not it rests");
    site.turn(Duration::from_secs(1));
    assert_eq!(reasons(&mcp, &cannot_be_asked).await, ["invalid_request"; 2]);

    assert_eq!(reasons(&mcp, &[&message]).await, ["upstream_broke_off"], "the one trial was somebody's whose request cannot be asked");
}

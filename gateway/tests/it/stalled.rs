//! No lock is held across an await: nobody waits for another's upstream. All of it runs on one thread, where a guard that is held while
//! something is awaited makes everybody else wait, or stops everything; the test watches from outside.

use std::sync::mpsc;

use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, BOB, PUBLIC_CLIENT};
use chancery_testkit::{Mcp, Site, Tokens};
use futures_util::future::join_all;
use serde_json::json;

use crate::upstream::{PATIENCE, Upstream};

/// Calls at once, beside those that stall.
const AT_ONCE: usize = 24;

#[test]
fn nobody_waits_for_anothers_upstream() {
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(beside_calls_that_stall());
        let _ = done.send(());
    });
    finished.recv_timeout(6 * PATIENCE).expect("one call made the others wait, or broke (see above)");
}

async fn beside_calls_that_stall() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let (alice, bob) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(BOB, AGENT_CLIENT).await);
    for warm in [&alice, &bob] {
        upstream.answers(call(warm.mcp(BANK)), |heard| heard.done()).await;
    }

    // One call whose answer does not begin, one whose answer does not end.
    let silent = tokio::spawn(call(alice.mcp(BANK)));
    let never_begins = upstream.heard().await;
    let streaming = tokio::spawn(call(bob.mcp(BANK)));
    let never_ends = upstream.heard().await.streams();
    never_ends.text(": begun\n\n").await;

    let calls = join_all([&alice, &bob].into_iter().cycle().take(AT_ONCE).map(|by| call(by.mcp(BANK))));
    let refreshes = join_all([&alice, &bob].into_iter().cycle().take(AT_ONCE).map(Tokens::refresh));
    let answers = async {
        for _ in 0..AT_ONCE {
            upstream.heard().await.done();
        }
    };
    let beside = async { tokio::join!(calls, refreshes, answers) };
    let (_, refreshed, ()) = tokio::time::timeout(PATIENCE, beside).await.expect("a call that stalls delays no other");

    for granting in refreshed {
        granting.granted();
    }
    assert!(!silent.is_finished() && !streaming.is_finished(), "they stall still");
    never_begins.done();
    drop(never_ends);
    tokio::time::timeout(PATIENCE, silent).await.expect("it is answered now").expect("it ran");
}

async fn call(mcp: Mcp) {
    let _ = mcp.send("tools/call", json!({ "name": "account_balance", "arguments": {} })).await;
}

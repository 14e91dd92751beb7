//! The key of an algorithm that a resource demands, in a server that is started again.

use chancery_crypto::jose::{Unverified, peek};
use chancery_testkit::Kind;
use chancery_testkit::cast::ALICE;
use serde_json::json;

use crate::app::{App, Tokens};
use crate::served::Served;

/// What a token is signed with, and by which key.
fn signed(tokens: &Tokens) -> (String, String) {
    let Unverified { algorithm, kid, .. } = peek(&tokens.access).expect("a token of ours");
    (algorithm, kid.expect("our tokens name their key"))
}

/// The tenant is new, and its file demands the algorithm from the start.
async fn the_key_outlives_the_server(kind: Kind) {
    let Some(served) = Served::on(kind, |file| file["resources"][0]["token_signing_alg"] = json!("RS256")).await else { return };
    let mut server = served.serve();
    let app = App::registered_at(&served.base).await;
    let tokens = app.redeem(&app.approved_by(ALICE).await).await;
    assert_eq!(signed(&tokens).0, "RS256");

    server.kill();
    server.wait();
    let _server = served.serve();

    app.mcp(&tokens).call("account_balance", json!({})).await.answered();
    let again = app.refresh(&tokens).await;
    assert_eq!(signed(&again), signed(&tokens));
    app.mcp(&again).call("account_balance", json!({})).await.answered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_05_a_key_that_a_resource_demands_outlives_the_server_on_sqlite() {
    the_key_outlives_the_server(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_05_a_key_that_a_resource_demands_outlives_the_server_on_postgres() {
    the_key_outlives_the_server(Kind::Postgres).await;
}

//! A client that others wrote, asked for more scope in the middle of its session.

use chancery_testkit::Kind;
use serde_json::{Value, json};

use crate::client::Client;
use crate::served::Served;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_3_2_the_typescript_sdk_v1_steps_up_to_the_union_of_scopes_and_goes_on_in_its_session() {
    let Some(client) = Client::here() else { return };
    let site = Served::on(Kind::Sqlite, |_| ()).await.expect("SQLite is here");
    let _running = site.serve();
    let read = json!({ "call": "account_balance" });

    let journey = client.goes(
        &format!("{}/mcp/bank", site.base),
        &json!([read, { "call": "transfer", "arguments": { "to": "Carol", "amount": 3 } }, read]),
    );

    // It was told to authorize anew instead of the refresh that would have brought nothing, and asked for all it had and needs.
    assert_eq!(journey.step(1)["scope"], "bank:read bank:transfer", "{:#}", journey.step(1));
    for at in 0..3 {
        assert!(!journey.text(at).is_empty());
    }
    assert!([0, 2].iter().all(|at| journey.step(*at).get("scope").is_none()), "nobody is asked twice");
    journey.ended(404);
    let kinds = |log: &[Value], kind: &str| log.iter().filter(|event| event["kind"] == kind).count();
    let log = site.audit_when(|log| kinds(log, "call_closed") == 3).await;
    assert_eq!((kinds(&log, "consent_given"), kinds(&log, "call_opened")), (2, 3), "{log:#?}");
}

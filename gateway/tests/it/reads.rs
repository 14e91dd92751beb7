//! How often the store is read. Warm, a call reads it never, and a refresh once.

use std::time::Duration;

use chancery_testkit::Site;
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, BOB, EXCHANGE, PUBLIC_CLIENT};
use serde_json::json;

/// How many reads this costs.
async fn reads<T>(site: &Site, what: impl Future<Output = T>) -> (u64, T) {
    let before = site.reads();
    let outcome = what.await;
    (site.reads() - before, outcome)
}

chancery_testkit::both_stores! {
    async fn a_warm_call_reads_the_store_never_and_a_grant_once(site: Site) {
        // What the provider last said of a person is read with what they allowed.
        site.apply(|file| file["identity_providers"][0]["scopes"] = json!("openid offline_access")).await;
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
        let (count, granting) = reads(&site, code.redeem()).await;
        let mut alice = granting.granted();
        assert_eq!(count, 1, "a redemption");
        let mut bob = site.ask(AGENT_CLIENT).resource(EXCHANGE).approved_by(BOB).await.redeem().await.granted();
        let (mut bank, mut exchange) = (alice.mcp(BANK), bob.mcp(EXCHANGE));
        let convert = json!({ "amount": 10, "from": "EUR", "to": "USD" });
        bank.call("account_balance", json!({})).await.answered();
        exchange.call("convert", convert.clone()).await.answered();

        for _ in 0..10 {
            let (count, called) = reads(&site, bank.call("account_balance", json!({}))).await;
            called.answered();
            assert_eq!(count, 0, "a call to the bank");
            let (count, called) = reads(&site, exchange.call("convert", convert.clone())).await;
            called.answered();
            assert_eq!(count, 0, "a call to the exchange");
        }
        for _ in 0..5 {
            site.turn(Duration::from_secs(120));
            let (count, granting) = reads(&site, alice.refresh()).await;
            alice = granting.granted();
            assert_eq!(count, 1, "an app's refresh");
            let (count, granting) = reads(&site, bob.refresh()).await;
            bob = granting.granted();
            assert_eq!(count, 1, "an agent's refresh");
        }
        // A token that was never seen costs no read either: it says all that there is to know.
        let (count, called) = reads(&site, alice.mcp(BANK).call("account_balance", json!({}))).await;
        called.answered();
        assert_eq!(count, 0, "a first call with a new token");
    }

    async fn what_is_refused_costs_no_read_either(site: Site) {
        let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        alice.mcp(BANK).call("account_balance", json!({})).await.answered();

        let refusals = async {
            site.program().get(&site.url(BANK)).await.has_status(401);
            alice.mcp(EXCHANGE).send("ping", json!({})).await.challenged("invalid_token");
            alice.mcp(BANK).send("tools/call", json!({ "name": "transfer" })).await.challenged("insufficient_scope");
            let mut garbage = alice.mcp(BANK);
            garbage.token = Some("garbage".to_owned());
            garbage.send("ping", json!({})).await.challenged("invalid_token");
            let mut elsewhere = alice.mcp(BANK);
            elsewhere.session = Some("garbage".to_owned());
            elsewhere.send("ping", json!({})).await.denied(404);
            site.program().get(&format!("{}/mcp/nothing", site.base())).await.has_status(404);
        };

        assert_eq!(reads(&site, refusals).await.0, 0);
    }
}

//! The words of this kit, tried on the journey they are for.

use chancery_testkit::Site;
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, BOB, EXCHANGE, PUBLIC_CLIENT};
use serde_json::json;

chancery_testkit::both_stores! {
    async fn a_person_signs_in_and_an_app_calls_the_bank(site: Site) {
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        let called = tokens.call(BANK, "account_balance").await;

        assert!(called.answered()["content"].is_array(), "{called:?}");
        site.audit().await.last(ALICE).is("call_closed").names(PUBLIC_CLIENT).names(BANK);
        tokens.call(EXCHANGE, "convert").await.challenged("invalid_token");
        tokens.call(BANK, "transfer").await.challenged("insufficient_scope");
    }

    async fn oa_13_a_replayed_refresh_token_ends_its_family(site: Site) {
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let second = first.refresh().await.granted();
        let third = second.refresh().await.granted();

        let replay = first.refresh().await;

        replay.refused(400, "invalid_grant");
        site.audit().await.last(ALICE).is("refresh_token_reused").names(PUBLIC_CLIENT);
        third.refresh().await.refused(400, "invalid_grant");
        third.call(BANK, "account_balance").await.challenged("invalid_token");
    }

    async fn an_agent_s_app_acts(site: Site) {
        let tokens = site.sign_in(BOB, AGENT_CLIENT).await;

        assert_eq!(tokens.claims()["act"]["sub_profile"], "ai_agent");
        tokens.call(BANK, "account_balance").await.answered();
    }

    async fn a_denied_policy_is_told_in_the_protocol_s_own_words(site: Site) {
        let policy = r#"@id("closed") forbid(principal, action == Chancery::Action::"call_tool", resource == Chancery::Resource::"bank");"#;
        site.apply(|file| file["policies"] = json!(policy)).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        tokens.call(BANK, "account_balance").await.denied(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_node_serves_any_step() {
    let Some(site) = Site::cluster(2).await else { return };
    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    tokens.call(BANK, "account_balance").await.answered();
    let next = tokens.refresh().await.granted();
    next.call(BANK, "account_balance").await.answered();
}

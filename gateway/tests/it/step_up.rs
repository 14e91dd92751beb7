//! Step-up to a better sign-in (RFC 9470): the gateway asks for it, and the issuer brings it or says that it cannot.

use std::time::Duration;

use chancery_testkit::Site;
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, PUBLIC_CLIENT};
use http::header::WWW_AUTHENTICATE;
use serde_json::{Value, json};

use crate::upstream::{Upstream, resource};

/// What the development identity provider says of how people sign in.
const ITS_ACR: &str = "urn:chancery:demo";

async fn demanding(site: &Site, sign_in: Value) {
    site.apply(|file| resource(file, BANK)["tools"]["transfer"]["sign_in"] = sign_in).await;
}

chancery_testkit::both_stores! {
    async fn mcp_3_2_a_client_that_only_refreshes_when_asked_for_more_is_told_once_to_authorize_anew(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let transfer = || first.mcp(BANK);
        upstream.left_alone(transfer().send("tools/call", json!({ "name": "transfer" }))).await.challenged("insufficient_scope");

        first.refresh().await.refused(400, "invalid_grant");
        // Once, and nothing is lost: what is beside it goes on with the same token.
        let second = first.refresh().await.granted();

        // Who refreshes later, or says for what, does so for another reason.
        upstream.left_alone(second.mcp(BANK).send("tools/call", json!({ "name": "transfer" }))).await.challenged("insufficient_scope");
        let third = second.refresh_with(&[("scope", "bank:read")]).await.granted();
        site.turn(Duration::from_secs(10));
        third.refresh().await.granted();
    }

    async fn mcp_3_2_a_machine_is_let_alone(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let desk = site.sign_in(ALICE, AGENT_CLIENT).await;
        upstream.left_alone(desk.mcp(BANK).send("tools/call", json!({ "name": "transfer" }))).await.challenged("insufficient_scope");

        desk.refresh().await.granted();
    }

    async fn su_01_a_sign_in_that_is_too_old_is_challenged_for_a_new_one(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        demanding(&site, json!({ "max_age": "5m" })).await;
        let ask = || site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer");
        let first = ask().approved_by(ALICE).await.redeem().await.granted();
        upstream.answers(first.mcp(BANK).send("tools/call", json!({ "name": "transfer" })), |heard| heard.done()).await.answered();

        site.turn(Duration::from_secs(301));
        let tokens = first.refresh().await.granted();
        let mcp = tokens.mcp(BANK);
        let refused = upstream.left_alone(mcp.send("tools/call", json!({ "name": "transfer" }))).await;
        upstream.answers(mcp.send("tools/call", json!({ "name": "account_balance" })), |heard| heard.done()).await.answered();

        let answer = refused.0.has_status(401);
        let challenge = |name: &str| answer.challenge(name);
        assert!(answer.header(WWW_AUTHENTICATE).is_some_and(|value| value.starts_with("Bearer error=\"insufficient_user_authentication\"")));
        assert_eq!((challenge("max_age").as_deref(), challenge("acr_values")), (Some("300"), None));
        assert_eq!(challenge("scope").as_deref(), Some("bank:read bank:transfer"));
        site.audit().await.only("call_refused").says("reason", "insufficient_user_authentication").says("row", "SU-01").names(ALICE);

        // SU-03: whoever comes back with what was asked for has signed in anew, and may.
        let again = ask().with("max_age", "300").approved_by(ALICE).await.redeem().await.granted();
        assert!(again.claims()["auth_time"].as_i64() > tokens.claims()["auth_time"].as_i64());
        upstream.answers(again.mcp(BANK).send("tools/call", json!({ "name": "transfer" })), |heard| heard.done()).await.answered();
    }

    async fn su_02_means_that_the_provider_does_not_have_are_said_to_be_unmet(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        demanding(&site, json!({ "acr": ["phr"] })).await;
        assert_eq!(site.metadata().await["acr_values_supported"], json!(["phr"]));
        let ask = || site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer");
        let tokens = ask().approved_by(ALICE).await.redeem().await.granted();
        let refused = upstream.left_alone(tokens.mcp(BANK).send("tools/call", json!({ "name": "transfer" }))).await;
        assert_eq!(refused.0.has_status(401).challenge("acr_values").as_deref(), Some("phr"));

        // No weaker token that would only be challenged again.
        let answer = ask().with("acr_values", "phr").answered(&site.browser(), ALICE, true).await;
        assert_eq!(answer.sent("error").as_deref(), Some("unmet_authentication_requirements"));
        site.audit().await.last(ALICE).is("authorization_refused").says("reason", "acr").says("row", "SU-02");

        let its = tokens.claims()["acr"].as_str().unwrap_or(ITS_ACR).to_owned();
        let met = ask().with("acr_values", &format!("phr {its}")).approved_by(ALICE).await.redeem().await.granted();
        assert_eq!(met.claims()["acr"], its);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn su_05_a_weak_sign_in_without_the_scope_is_asked_for_both_at_once() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    demanding(&site, json!({ "max_age": "1h", "acr": ["phr", "mfa"] })).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    let refused = upstream.left_alone(mcp.send("tools/call", json!({ "name": "transfer" }))).await;

    let answer = refused.0.has_status(401);
    let said = ["error", "scope", "acr_values", "max_age"].map(|name| answer.challenge(name).unwrap_or_default());
    assert_eq!(said, ["insufficient_user_authentication", "bank:read bank:transfer", "phr mfa", "3600"]);
}

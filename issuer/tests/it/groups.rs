//! What a person may have goes by their groups: scopes that a rule names, and the roles that tokens carry and policies read.

use chancery_testkit::cast::{ALICE, BANK, BOB, EXCHANGE, OTHER_CLIENT, PUBLIC_CLIENT, Person};
use chancery_testkit::{Browser, Site, Tokens};
use serde_json::{Value, json};

use crate::apps::registered;
use crate::consent_page::Shown;
use crate::remembered::on_the_web;

const BOTH: &str = "bank:read bank:transfer";

/// Only the treasury moves money, and is called approver.
async fn governed(site: &Site) {
    site.apply(|file| file["access"] = json!([{ "groups": ["treasury"], "roles": ["approver"], "scopes": ["bank:transfer"] }])).await;
}

/// What the identity provider says of everybody from now on.
fn everybody_has(site: &Site, claim: &'static str, value: Value) {
    site.identity_provider().alter_claims(move |claims| claims[claim] = value.clone());
}

async fn tokens(site: &Site, browser: &Browser, person: Person, scope: &str) -> Tokens {
    site.ask(PUBLIC_CLIENT).scope(scope).approved_in(browser, person).await.redeem().await.granted()
}

chancery_testkit::both_stores! {
    async fn a_scope_that_a_rule_names_is_for_its_groups_alone(site: Site) {
        governed(&site).await;
        let outside = tokens(&site, &site.browser(), BOB, BOTH).await.claims();
        assert_eq!((outside["scope"].clone(), outside.get("roles").cloned()), (json!("bank:read"), None));

        everybody_has(&site, "groups", json!(["everybody", "treasury"]));
        let inside = tokens(&site, &site.browser(), ALICE, BOTH).await.claims();
        assert_eq!((inside["scope"].clone(), inside["roles"].clone()), (json!(BOTH), json!(["approver"])));
    }

    async fn what_a_known_person_may_not_have_is_not_asked_for(site: Site) {
        governed(&site).await;
        let browser = site.browser();
        tokens(&site, &browser, ALICE, "bank:read").await;

        let page = Shown::of(&site.ask(PUBLIC_CLIENT).scope(BOTH), &browser).await;
        assert!(page.answer.text().contains("See balances") && !page.answer.text().contains("Move money"), "{:?}", page.answer);
        let answer = site.ask(PUBLIC_CLIENT).scope("bank:transfer").open(&browser).await;
        answer.sent_back("access_denied");
        site.audit().await.only("authorization_refused").names(ALICE).says("reason", "groups");
    }

    async fn oa_04_an_app_that_registered_itself_is_not_told_that_a_known_person_may_have_nothing(site: Site) {
        governed(&site).await;
        let browser = site.browser();
        tokens(&site, &browser, ALICE, "bank:read").await;

        let app = registered(&site, &["https://app.example/callback"]).await;
        let answer = site.ask_as(app).scope("bank:transfer").open(&browser).await;
        answer.refused_on_page("OA-04");
    }

    async fn who_may_have_nothing_of_it_is_told_after_the_sign_in(site: Site) {
        governed(&site).await;
        let answer = site.ask(PUBLIC_CLIENT).scope("bank:transfer").answered(&site.browser(), ALICE, true).await;
        answer.sent_back("access_denied");
        assert!(site.audit().await.of_kind("consent_given").is_empty());
    }

    async fn what_was_allowed_before_a_group_was_lost_is_given_without_it_unasked(site: Site) {
        governed(&site).await;
        everybody_has(&site, "groups", json!(["treasury"]));
        let app = on_the_web(&site, PUBLIC_CLIENT).await;
        let (browser, both) = (site.browser(), site.ask_as(app.clone()).scope(BOTH));
        both.approved_in(&browser, ALICE).await.redeem().await.granted();
        everybody_has(&site, "groups", json!([]));
        site.sign_in(ALICE, OTHER_CLIENT).await;

        let answer = both.open(&browser).await;

        let tokens = both.code(&answer, ALICE).redeem().await.granted();
        assert_eq!(tokens.claims()["scope"], json!("bank:read"));
        site.audit().await.only("consent_remembered").says("scope", "bank:read");
        let page = site.ask_as(app).scope("bank:transfer").open(&browser).await;
        page.sent_back("access_denied");
    }

    async fn a_removed_group_narrows_at_the_next_refresh(site: Site) {
        governed(&site).await;
        everybody_has(&site, "groups", json!(["treasury"]));
        let browser = site.browser();
        let (some, all) = (tokens(&site, &browser, ALICE, BOTH).await, tokens(&site, &browser, ALICE, "bank:transfer").await);
        let other = site.ask(PUBLIC_CLIENT).resource(EXCHANGE).approved_in(&browser, ALICE).await.redeem().await.granted();

        everybody_has(&site, "groups", json!([]));
        tokens(&site, &site.browser(), ALICE, "bank:read").await;

        let narrower = some.refresh().await.granted();
        assert_eq!((narrower.claims()["scope"].clone(), narrower.claims().get("roles").cloned()), (json!("bank:read"), None));
        let log = site.audit().await;
        assert_eq!(log.of_kind("token_refreshed").last().expect("an event").fields["reason"], "groups_removed");
        all.refresh().await.refused(400, "invalid_grant");
        site.settle().await;
        all.call(BANK, "transfer").await.challenged("invalid_token");
        assert_eq!(site.audit().await.of_kind("token_refused").last().expect("an event").fields["reason"], "groups_removed");
        other.refresh().await.granted();

        everybody_has(&site, "groups", json!(["treasury"]));
        tokens(&site, &site.browser(), ALICE, "bank:read").await;
        assert_eq!(narrower.refresh().await.granted().claims()["scope"], json!(BOTH), "what she allowed is what she allowed");
        all.refresh().await.refused(400, "invalid_grant");
    }

    async fn groups_that_the_provider_leaves_out_give_nothing(site: Site) {
        governed(&site).await;
        everybody_has(&site, "_claim_names", json!({ "groups": "elsewhere" }));
        let answer = site.ask(PUBLIC_CLIENT).scope("bank:transfer").answered(&site.browser(), ALICE, true).await;
        answer.sent_back("access_denied");
        assert_eq!(tokens(&site, &site.browser(), ALICE, BOTH).await.claims()["scope"], json!("bank:read"));
    }

    async fn policies_read_roles_at_the_token_endpoint_and_at_the_gateway(site: Site) {
        governed(&site).await;
        site.apply(|file| {
            file["policies"] = json!("forbid (principal, action == Chancery::Action::\"call_tool\", resource) unless { context.roles.contains(\"approver\") };");
        })
        .await;
        let without = tokens(&site, &site.browser(), BOB, "bank:read").await;
        everybody_has(&site, "groups", json!(["treasury"]));
        let with = tokens(&site, &site.browser(), ALICE, "bank:read").await;

        with.call(BANK, "account_balance").await.answered();
        assert_eq!(without.call(BANK, "account_balance").await.denied(200)["data"]["reason"], "denied_by_policy");
    }
}

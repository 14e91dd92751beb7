//! Whose grant it is must still stand well with the identity provider when a code is redeemed, too; and who cannot be asked about must have
//! signed in lately.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::provider::TOKEN;
use chancery_testkit::{App, Browser, ProofKey, Site};
use serde_json::json;

use crate::apps::registered;

const HOUR: Duration = Duration::from_secs(3600);
/// So many refusals of a client that made itself are told one by one.
const TOLD: usize = 100;
const RECHECK: Duration = Duration::from_secs(15 * 60);

/// An app that alice allowed the bank in this browser, which is not asked about again.
async fn allowed(site: &Site) -> (App, Browser) {
    let (app, browser) = (registered(site, &["https://notebook.example/callback"]).await, site.browser());
    site.ask_as(app.clone()).approved_in(&browser, ALICE).await.redeem().await.granted();
    (app, browser)
}

async fn sign_ins(site: &Site) -> usize {
    site.audit().await.of_kind("signed_in").len()
}

chancery_testkit::both_stores! {
    async fn sb_08_a_disabled_person_s_session_leads_to_a_code_and_the_code_to_nothing(site: Site) {
        site.apply(|file| file["identity_providers"][0]["scopes"] = json!("openid profile email offline_access")).await;
        let (app, browser) = allowed(&site).await;
        let asked = site.ask_as(app.clone());
        let tokens = asked.code(&asked.open(&browser).await, ALICE).redeem().await.granted();
        site.identity_provider().disable(ALICE);

        let before = site.identity_provider().asked(TOKEN);
        asked.code(&asked.open(&browser).await, ALICE).redeem().await.granted();
        assert_eq!(site.identity_provider().asked(TOKEN), before, "its word is good for a while");
        site.turn(RECHECK);
        let code = asked.code(&asked.open(&browser).await, ALICE);
        let refusal = code.redeem().await;

        assert!(refusal.refused(400, "invalid_grant").text().contains("no longer vouches"), "{:?}", refusal.answer);
        let log = site.audit().await;
        assert_eq!(log.of_kind("rechecked").last().expect("an event").fields["reason"], "provider_refused_refresh");
        code.redeem().await.refused(400, "invalid_grant");
        tokens.refresh().await.refused(400, "invalid_grant");
        site.settle().await;
        tokens.call(BANK, "account_balance").await.challenged("invalid_token");
        asked.open(&browser).await.has_status(200); // a page: the session is over
    }

    async fn a_code_of_a_person_who_stands_well_asks_once_and_is_redeemed(site: Site) {
        site.apply(|file| file["identity_providers"][0]["scopes"] = json!("openid profile email offline_access")).await;
        let (app, browser) = allowed(&site).await;
        site.turn(RECHECK);
        let before = site.identity_provider().asked(TOKEN);
        let asked = site.ask_as(app.clone());

        let tokens = asked.code(&asked.open(&browser).await, ALICE).redeem().await.granted();
        tokens.refresh().await.granted().call(BANK, "account_balance").await.answered();

        assert_eq!(site.identity_provider().asked(TOKEN), before + 1);
    }

    async fn sb_08_while_the_provider_is_asked_rules_change_and_those_of_then_count(site: Site) {
        site.apply(|file| file["identity_providers"][0]["scopes"] = json!("openid profile email offline_access")).await;
        let key = ProofKey::generate();
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
        let tokens = code.redeem_proving(&site.app(PUBLIC_CLIENT), &[("dpop", &key.asking(&site))], &[]).await.granted();
        let refresh = async |policies: &'static str| {
            site.turn(RECHECK);
            let (rules, before) = (site.clone(), site.identity_provider().asked(TOKEN));
            site.identity_provider().alter(TOKEN, move |reply| {
                rules.apply_meanwhile(|file| file["policies"] = json!(policies));
                reply
            });
            let granting = tokens.refresh_proving(&site.app(PUBLIC_CLIENT), &[("dpop", &key.asking(&site))], &[]).await;
            assert_eq!(site.identity_provider().asked(TOKEN), before + 1);
            granting
        };

        // Its proof is used once, however often it is decided.
        refresh(r#"@id("harmless") permit(principal, action, resource);"#).await.granted();
        let refusal = refresh(r#"@id("closed") forbid(principal, action == Chancery::Action::"issue_token", resource);"#).await;

        refusal.refused(400, "access_denied");
        assert_eq!(site.audit().await.of_kind("token_refreshed").len(), 1);
    }

    async fn sb_08_of_whom_the_provider_gave_nothing_to_ask_by_a_sign_in_is_the_last_word(site: Site) {
        site.apply(|file| file["lifetimes"] = json!({ "session": "3d" })).await;
        let (app, browser) = allowed(&site).await;
        let tokens = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
        site.audit().await.only("signed_in").says("reason", "no_refresh_token");
        site.turn(HOUR * 12 - RECHECK);
        let tokens = tokens.refresh().await.granted();

        site.turn(RECHECK);
        let refusal = tokens.refresh().await;

        assert!(refusal.refused(400, "invalid_grant").text().contains("have them sign in again"), "{:?}", refusal.answer);
        let log = site.audit().await;
        let fields = &log.of_kind("token_refused").pop().expect("an event").fields;
        assert_eq!((fields["reason"].as_str(), fields["row"].as_str()), ("sign_in_too_old", "SB-08"));
        // Nothing ended but the session, so that the way of any app leads by the provider.
        assert_eq!(sign_ins(&site).await, 1);
        site.ask_as(app).approved_in(&browser, ALICE).await.redeem().await.granted();
        assert_eq!(sign_ins(&site).await, 2);
        tokens.refresh().await.granted();
    }

    async fn sb_08_a_code_of_a_session_that_is_too_old_to_go_by_is_refused_once(site: Site) {
        site.apply(|file| file["lifetimes"] = json!({ "session": "3d", "unvouched": "1h" })).await;
        let (app, browser) = allowed(&site).await;
        site.turn(HOUR);
        let asked = site.ask_as(app);

        asked.code(&asked.open(&browser).await, ALICE).redeem().await.refused(400, "invalid_grant");

        asked.approved_in(&browser, ALICE).await.redeem().await.granted();
        assert_eq!(sign_ins(&site).await, 2);
    }

    async fn dr_05_who_signed_in_too_long_ago_is_not_told_of_for_ever(site: Site) {
        let app = registered(&site, &["https://notebook.example/callback"]).await;
        let tokens = site.ask_as(app).approved_in(&site.browser(), ALICE).await.redeem().await.granted();
        site.turn(HOUR * 12);

        for _ in 0..TOLD + 5 {
            tokens.refresh().await.refused(400, "invalid_grant");
        }

        assert_eq!(site.audit().await.of_kind("token_refused").len(), TOLD);
    }

    async fn a_tenant_says_for_how_long_a_sign_in_is_good_for(site: Site) {
        site.apply(|file| file["lifetimes"] = json!({ "unvouched": "7d" })).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        site.turn(HOUR * 24 * 6);
        let tokens = tokens.refresh().await.granted();
        site.turn(HOUR * 24);
        tokens.refresh().await.refused(400, "invalid_grant");
    }
}

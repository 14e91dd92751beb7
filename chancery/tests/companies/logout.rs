//! A company's identity provider ends a session, and says so (OpenID Connect Back-Channel Logout 1.0); people sign out at it from here
//! (RP-Initiated Logout 1.0).

use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, BOB, IDENTITY_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::keycloak::Keycloak;
use chancery_testkit::{Form, Site};
use serde_json::json;

use crate::sign_in::callback;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bl_02_keycloak_s_administrator_logs_somebody_out_and_their_agents_stop() {
    let Some(keycloak) = Keycloak::here().await else { return };
    let site = Site::in_real_time().await;
    let realm = keycloak.realm(&[&callback(&site, IDENTITY_PROVIDER)]).await;
    realm.tell_of_logouts_at(&site.endpoint(&format!("backchannel-logout/{IDENTITY_PROVIDER}"))).await;
    site.apply(|file| file["identity_providers"] = json!([realm.declared(IDENTITY_PROVIDER)])).await;
    let browser = site.browser();
    let tokens = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
    let agent = site.ask(AGENT_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
    let others = site.sign_in(BOB, PUBLIC_CLIENT).await;

    realm.log_out(ALICE).await;

    for ended in [tokens, agent] {
        ended.call(BANK, "account_balance").await.challenged("invalid_token");
        let refusal = ended.refresh().await.refused(400, "invalid_grant").json();
        let words = refusal["error_description"].as_str().expect("words");
        assert!(words.contains("the identity provider ended the session of the person"), "{words}");
    }
    let page = site.ask(PUBLIC_CLIENT).open(&browser).await;
    assert!(!page.text().contains("is signed in"), "{}", page.text());
    site.audit().await.about(ALICE).is("logged_out").says("outcome", "ended").says("identity_provider", IDENTITY_PROVIDER);
    others.refresh().await.granted().call(BANK, "account_balance").await.answered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_out_here_is_signed_out_at_keycloak_and_comes_back() {
    let Some(keycloak) = Keycloak::here().await else { return };
    let site = Site::in_real_time().await;
    let realm = keycloak.realm(&[&callback(&site, IDENTITY_PROVIDER), &site.endpoint("signed-out")]).await;
    realm.tell_of_logouts_at(&site.endpoint(&format!("backchannel-logout/{IDENTITY_PROVIDER}"))).await;
    site.apply(|file| file["identity_providers"] = json!([realm.declared(IDENTITY_PROVIDER)])).await;
    let browser = site.browser();
    let tokens = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();

    let page = browser.get(&site.endpoint("sign-out")).await;
    let pressed = browser.submit(Form::with(&page, "page"), &page.url).await;
    assert!(pressed.has_status(303).location().as_str().starts_with(&realm.issuer()), "{pressed:?}");
    let end = browser.follow(pressed, |_| false).await;

    assert_eq!(end.url.path(), "/t/demo/signed-out");
    assert!(end.text().contains("and of your organisation’s sign-in service"), "{}", end.text());
    tokens.refresh().await.refused(400, "invalid_grant");
    tokens.call(BANK, "account_balance").await.challenged("invalid_token");
    // Keycloak asks for the password again.
    let asked = site.ask(PUBLIC_CLIENT).open(&browser).await;
    let approved = browser.submit(Form::with(&asked, "decision").press("decision", "approve"), &asked.url).await;
    let login = browser.follow(approved, |_| false).await;
    assert!(login.text().contains("password"), "{}", login.text());
}

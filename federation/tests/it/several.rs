//! The providers that companies use, simulated, all at one tenant: each is gone to in its own way, and answers for its own people alone.

use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::idp_sim::{Endpoint, Fault, IdpSim, Profile};
use chancery_testkit::{Answer, Browser, Form, Site};
use serde_json::json;
use url::Url;

use crate::way::{counted, ended};

/// A tenant with one provider of each kind, named by it.
async fn with_all() -> (Site, Vec<(String, IdpSim)>) {
    let site = Site::on_sqlite().await;
    let mut sims = Vec::new();
    for profile in Profile::all() {
        let name = profile.name.to_owned();
        sims.push((name.clone(), site.simulated(profile, &name).await));
    }
    let declared: Vec<_> = sims.iter().map(|(name, sim)| sim.declared(name)).collect();
    site.apply(|file| file["identity_providers"] = json!(declared)).await;
    (site, sims)
}

/// Alice chooses this provider, approves there, and the browser holds the address that it sends her back to.
async fn answered_at(site: &Site, browser: &Browser, provider: &str) -> Url {
    let page = site.ask(PUBLIC_CLIENT).answered(browser, ALICE, true).await;
    let chosen = browser.submit(Form::with(&page, "provider").press("provider", provider), &page.url).await;
    let back = Url::parse(&site.endpoint(&format!("callback/{provider}"))).expect("the site's own address");
    chancery_testkit::people::go_on(browser, chosen, ALICE, true, &back).await.location()
}

fn codes(sims: &[(String, IdpSim)]) -> usize {
    sims.iter().map(|(_, sim)| sim.asked(Endpoint::Token).len()).sum()
}

#[tokio::test]
async fn jw_06_the_same_key_at_each_of_six_providers_is_six_people() {
    let (site, sims) = with_all().await;
    let mut people = std::collections::BTreeSet::new();
    for (name, sim) in &sims {
        let tokens = site.ask(PUBLIC_CLIENT).approved_at(&site.browser(), name, ALICE).await.redeem().await.granted();

        tokens.call(BANK, "account_balance").await.answered();
        people.insert(tokens.claims()["sub"].to_string());
        assert_eq!(sim.asked(Endpoint::Token).len(), 1, "{name}");
    }
    assert_eq!(people.len(), sims.len());
}

#[tokio::test]
async fn sb_05_an_answer_of_one_provider_at_the_address_of_another_redeems_nothing() {
    for names_itself in [true, false] {
        let site = Site::on_sqlite().await;
        let okta = site.simulated(Profile { names_itself, ..Profile::okta() }, "okta").await;
        let auth0 = site.simulated(Profile::auth0(), "auth0").await;
        site.apply(|file| file["identity_providers"] = json!([okta.declared("okta"), auth0.declared("auth0")])).await;
        let browser = site.browser();
        let sent = answered_at(&site, &browser, "okta").await;

        let answer: Answer = browser.get(&sent.as_str().replace("callback/okta", "callback/auth0")).await;

        ended(&answer, 400, "did not come from the sign-in service that was asked"); // SB-05
        assert_eq!(codes(&[("okta".to_owned(), okta), ("auth0".to_owned(), auth0)]), 0);
        counted(&site, "SB-05", "another provider's address").await;
    }
}

#[tokio::test]
async fn x3_while_one_provider_is_down_the_others_people_come_in() {
    let (site, sims) = with_all().await;
    let (_, okta) = sims.iter().find(|(name, _)| name == "okta").expect("it is one of them");
    for endpoint in [Endpoint::Metadata, Endpoint::Keys, Endpoint::Authorize, Endpoint::Token] {
        okta.fault(endpoint, Fault::Status(503));
    }
    let browser = site.browser();
    let page = site.ask(PUBLIC_CLIENT).answered(&browser, ALICE, true).await;

    site.ask(PUBLIC_CLIENT).choosing(&browser, page, "okta", ALICE).await.sent_back("temporarily_unavailable");

    site.ask(PUBLIC_CLIENT).approved_at(&browser, "entra", ALICE).await.redeem().await.granted();
}

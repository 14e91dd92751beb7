//! Signing out: here, at the identity provider, and back.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, BOB, OTHER_CLIENT, PUBLIC_CLIENT};
use chancery_testkit::provider::METADATA;
use chancery_testkit::{Answer, Browser, Form, Site, Tokens};
use http::header::SET_COOKIE;
use serde_json::json;

use crate::allowed::sent;
use crate::consent_page::Shown;

/// A browser in which somebody is signed in, and what an app got there.
async fn signed_in(site: &Site, person: &'static str) -> (Browser, Tokens) {
    let browser = site.browser();
    let tokens = site.ask(PUBLIC_CLIENT).approved_in(&browser, person).await.redeem().await.granted();
    (browser, tokens)
}

async fn page(site: &Site, browser: &Browser) -> Answer {
    browser.get(&site.endpoint("sign-out")).await
}

async fn is_known(site: &Site, browser: &Browser) -> bool {
    site.ask(PUBLIC_CLIENT).open(browser).await.text().contains("is signed in")
}

/// The button, and wherever it leads.
pub async fn sign_out(site: &Site, browser: &Browser) -> Answer {
    let page = page(site, browser).await;
    let pressed = browser.submit(Form::with(&page, "page"), &page.url).await;
    browser.follow(pressed, |_| false).await
}

async fn is_over(tokens: &Tokens) {
    tokens.call(BANK, "account_balance").await.challenged("invalid_token");
    let refusal = tokens.refresh().await.refused(400, "invalid_grant").json();
    assert!(refusal["error_description"].as_str().is_some_and(|words| words.contains("has signed out")), "{refusal}");
}

fn says(page: &Answer, text: &str) {
    assert!(page.has_status(200).text().contains(text), "{text:?} is not said: {page:?}");
}

chancery_testkit::both_stores! {
    async fn who_signs_out_is_unknown_here_and_at_the_provider_and_their_agents_stop(site: Site) {
        let (browser, tokens) = signed_in(&site, ALICE).await;
        let (bob_s, others) = signed_in(&site, BOB).await;
        let asked = page(&site, &browser).await;
        says(&asked, "Apps stop.");
        assert!(asked.text().to_lowercase().contains(ALICE) && is_known(&site, &browser).await, "asking ends nothing");

        let pressed = browser.submit(Form::with(&asked, "page"), &asked.url).await;
        let there = pressed.has_status(303).location();
        let cookie = pressed.header(SET_COOKIE).expect("the cookie goes");
        assert!(cookie.starts_with("chancery_session_demo=;") && cookie.contains("Max-Age=0"), "{cookie}");
        let names: Vec<_> = there.query_pairs().map(|(name, _)| name.into_owned()).collect();
        assert_eq!((there.path(), names), ("/idp/sign-out", ["id_token_hint", "post_logout_redirect_uri", "state"].map(str::to_owned).to_vec()));
        let end = browser.follow(pressed, |_| false).await;

        assert_eq!(end.url.path(), "/t/demo/signed-out");
        says(&end, "and of your organisation’s sign-in service");
        site.settle().await;
        is_over(&tokens).await;
        assert!(!is_known(&site, &browser).await);
        site.audit().await.about(ALICE).is("signed_out");
        others.refresh().await.granted().call(BANK, "account_balance").await.answered();
        assert!(is_known(&site, &bob_s).await);
        // The provider has forgotten them too, and what they allowed is remembered.
        let who = browser.follow(Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await.press("approve").await, |_| false).await;
        assert!(who.url.path().starts_with("/idp"), "{who:?}");
    }

    async fn oa_22_no_other_site_signs_anybody_out(site: Site) {
        let (browser, tokens) = signed_in(&site, ALICE).await;
        let asked = page(&site, &browser).await;
        let (form, origin) = (Form::with(&asked, "page"), asked.url.origin().ascii_serialization());

        for headers in [&[][..], &[("origin", "https://evil.example")], &[("origin", "null")], &[("sec-fetch-site", "cross-site")]] {
            sent(&browser, &form, headers).await.refused_on_page("OA-22");
        }
        let tampered = form.clone().fill("page", &form.field("page").expect("a seal").replacen('A', "B", 1));
        sent(&browser, &tampered, &[("origin", &origin)]).await.refused_on_page("OA-22");
        let other_page = browser.get(&site.endpoint("apps")).await;
        let of_apps = Form::all(&other_page).into_iter().find_map(|form| form.field("page").map(str::to_owned)).expect("a sealed page");
        sent(&browser, &form.clone().fill("page", &of_apps), &[("origin", &origin)]).await.refused_on_page("OA-22");
        // An attacker's own page, posted from the victim's browser.
        let (attacker, _) = signed_in(&site, BOB).await;
        let theirs = Form::with(&page(&site, &attacker).await, "page");
        sent(&browser, &theirs, &[("origin", &origin)]).await.refused_on_page("SB-03");
        site.turn(Duration::from_secs(600));
        sent(&browser, &form, &[("origin", &origin)]).await.refused_on_page("OA-22");

        assert!(is_known(&site, &browser).await && is_known(&site, &attacker).await);
        tokens.refresh().await.granted();
        assert!(site.audit().await.of_kind("signed_out").is_empty());
    }

    async fn sb_03_a_page_signs_out_the_session_that_it_was_shown_to_once(site: Site) {
        let (browser, _) = signed_in(&site, ALICE).await;
        let asked = page(&site, &browser).await;
        let form = Form::with(&asked, "page");
        browser.submit(form.clone(), &asked.url).await.has_status(303);

        // Pressed again: nobody is there any more.
        let again = browser.submit(form.clone(), &asked.url).await;
        assert_eq!(again.has_status(303).location().path(), "/t/demo/signed-out");
        let tokens = site.ask(OTHER_CLIENT).approved_in(&browser, BOB).await.redeem().await.granted();
        browser.submit(form, &asked.url).await.refused_on_page("SB-03");

        assert!(is_known(&site, &browser).await);
        tokens.refresh().await.granted();
        assert_eq!(site.audit().await.of_kind("signed_out").len(), 1);
    }

    async fn a_tenant_may_let_agents_go_on_and_sign_people_out_here_alone(site: Site) {
        site.apply(|file| file["sign_out"] = json!({ "ends_grants": false, "at_provider": false })).await;
        let (browser, tokens) = signed_in(&site, ALICE).await;
        says(&page(&site, &browser).await, "go on without you");

        says(&sign_out(&site, &browser).await, "Only here.");

        assert!(!is_known(&site, &browser).await);
        tokens.refresh().await.granted().call(BANK, "account_balance").await.answered();
    }

    async fn what_is_allowed_while_somebody_signs_out_is_not_left_over(site: Site) {
        for _ in 0..6 {
            let (browser, _) = signed_in(&site, ALICE).await;
            let (asked, consent) = (page(&site, &browser).await, Shown::of(&site.ask(OTHER_CLIENT), &browser).await);
            let (left, approved) = tokio::join!(browser.submit(Form::with(&asked, "page"), &asked.url), consent.press("approve"));
            left.has_status(303);
            // Either it was allowed first, and ended with the session; or whoever approves signs in anew.
            if let Some(code) = approved.has_status(303).sent("code") {
                let app = site.app(OTHER_CLIENT);
                let fields = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", &*app.redirect_uri)];
                site.post_token(&app, &fields).await.has_status(400);
            }
        }
    }
}

#[tokio::test]
async fn the_last_page_tells_nobody_that_they_are_signed_out_who_is_not() {
    let site = Site::on_sqlite().await;
    let (browser, _) = signed_in(&site, ALICE).await;
    let goodbye = site.endpoint("signed-out");
    assert_eq!(browser.get(&goodbye).await.has_status(303).location().path(), "/t/demo/sign-out");
    assert!(is_known(&site, &browser).await, "and signs nobody out");

    let stranger = site.browser();
    assert_eq!(page(&site, &stranger).await.has_status(303).location().path(), "/t/demo/signed-out");
    says(&stranger.get(&goodbye).await, "Nobody is signed in here");
    // What one browser was sent on with says nothing of another.
    let end = sign_out(&site, &browser).await;
    says(&end, "and of your organisation’s sign-in service");
    says(&stranger.get(end.url.as_str()).await, "Nobody is signed in here");
    says(&browser.get(&format!("{goodbye}?state=garbage")).await, "Nobody is signed in here");
}

#[tokio::test]
async fn where_the_provider_has_no_way_a_person_is_told_that_it_still_knows_them() {
    let site = Site::on_sqlite().await;
    site.identity_provider()
        .alter_json(METADATA, |document| drop(document.as_object_mut().expect("an object").remove("end_session_endpoint")));
    let (browser, tokens) = signed_in(&site, ALICE).await;

    says(&sign_out(&site, &browser).await, "Only here.");

    is_over(&tokens).await;
}

//! The page of what a person allowed, and how they end it.

use std::time::Duration;

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, BANK, BOB, OTHER_CLIENT, PUBLIC_CLIENT, REDIRECT_AT};
use chancery_testkit::{Answer, Browser, Form, Site, request};
use http::{Method, header};

use crate::consent_page::Shown;

/// The page as this browser sees it.
async fn page(site: &Site, browser: &Browser) -> Answer {
    browser.get(&site.endpoint("apps")).await
}

/// The form whose button ends this app.
fn button(page: &Answer, app: &str) -> Form {
    let form = Form::all(page).into_iter().find(|form| form.buttons.iter().any(|(name, value)| name == "end" && value == app));
    form.unwrap_or_else(|| panic!("no button for {app}: {page:?}")).press("end", app)
}

/// Posts a form with these headers and no others.
pub async fn sent(browser: &Browser, form: &Form, headers: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
    let post = request(Method::POST, form.action.as_str()).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let post = headers.iter().fold(post, |post, (name, value)| post.header(*name, *value));
    browser.send(post.body(Bytes::from(body)).expect("a request")).await
}

chancery_testkit::both_stores! {
    async fn what_a_person_ends_is_over_at_the_gateway_at_refresh_and_at_the_next_request(site: Site) {
        let browser = site.browser();
        let tokens = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer").approved_in(&browser, ALICE).await.redeem().await.granted();
        let kept = site.ask(OTHER_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
        site.turn(Duration::from_secs(120));
        tokens.call(BANK, "account_balance").await.answered();

        let listed = page(&site, &browser).await;
        let text = listed.has_status(200).text();
        for said in [PUBLIC_CLIENT, OTHER_CLIENT, "The bank", "Move money", "last used 2 minutes ago", "127.0.0.1"] {
            assert!(text.contains(said), "{said} is missing: {text}");
        }
        let ended = browser.submit(button(&listed, &site.app(PUBLIC_CLIENT).id), &listed.url).await;
        assert_eq!(ended.has_status(303).location().path(), "/t/demo/apps");
        site.settle().await;

        tokens.call(BANK, "account_balance").await.challenged("invalid_token");
        tokens.refresh().await.refused(400, "invalid_grant");
        Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await;
        let after = browser.follow(ended, |_| false).await.text();
        assert!(after.contains("Ended.") && !after.contains(&format!("value=\"{}\"", site.app(PUBLIC_CLIENT).id)), "{after}");
        assert!(after.contains(OTHER_CLIENT));
        kept.call(BANK, "account_balance").await.answered();
        kept.refresh().await.granted();
        let log = site.audit().await;
        let event = log.of_kind("approval_ended")[0];
        assert_eq!(event.fields["client"], site.app(PUBLIC_CLIENT).id);
        assert!(event.fields["grants"].starts_with("grt_"), "{event:?}");
    }

    async fn sb_03_nobody_ends_or_sees_what_another_allowed(site: Site) {
        let (alice_s, bob_s) = (site.browser(), site.browser());
        let tokens = site.ask(PUBLIC_CLIENT).approved_in(&alice_s, ALICE).await.redeem().await.granted();
        site.ask(OTHER_CLIENT).approved_in(&bob_s, BOB).await;
        let listed = page(&site, &alice_s).await;
        let form = button(&listed, &site.app(PUBLIC_CLIENT).id);
        let origin = listed.url.origin().ascii_serialization();

        assert!(!page(&site, &bob_s).await.text().contains(PUBLIC_CLIENT));
        for other in [&bob_s, &site.browser(), &site.program()] {
            sent(other, &form, &[("origin", &origin)]).await.refused_on_page("SB-03");
        }
        for headers in [&[][..], &[("origin", "https://evil.example")], &[("origin", "null")], &[("sec-fetch-site", "cross-site")]] {
            sent(&alice_s, &form, headers).await.refused_on_page("OA-22");
        }
        let tampered = form.clone().fill("page", &form.field("page").expect("a seal").replacen('A', "B", 1));
        sent(&alice_s, &tampered, &[("origin", &origin)]).await.refused_on_page("OA-22");
        let consent = Shown::of(&site.ask(PUBLIC_CLIENT), &alice_s).await;
        sent(&alice_s, &form.clone().fill("page", consent.sealed()), &[("origin", &origin)]).await.refused_on_page("OA-22");

        tokens.call(BANK, "account_balance").await.answered();
        assert!(site.audit().await.of_kind("approval_ended").is_empty());
    }

    async fn sb_03_a_button_counts_once_and_in_time(site: Site) {
        let browser = site.browser();
        let first = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
        let (id, listed) = (site.app(PUBLIC_CLIENT).id, page(&site, &browser).await);
        let late = page(&site, &browser).await;

        browser.submit(button(&listed, &id), &listed.url).await.has_status(303);
        first.refresh().await.refused(400, "invalid_grant");
        let second = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
        browser.submit(button(&listed, &id), &listed.url).await.refused_on_page("SB-03");
        site.turn(Duration::from_secs(10 * 60));
        browser.submit(button(&late, &id), &late.url).await.refused_on_page("OA-22");

        second.refresh().await.granted();
        // From another person's session in the same browser, it is that person's to say.
        let alice_s = page(&site, &browser).await;
        site.ask(OTHER_CLIENT).with("prompt", "login").approved_in(&browser, BOB).await;
        browser.submit(button(&alice_s, &id), &alice_s.url).await.refused_on_page("SB-03");
        second.refresh().await.granted();
    }

    async fn who_is_not_signed_in_signs_in_and_comes_back(site: Site) {
        site.ask(PUBLIC_CLIENT).approved_by(ALICE).await.redeem().await.granted();
        let browser = site.browser();
        let stranger = page(&site, &browser).await;
        assert!(!stranger.has_status(200).text().contains(PUBLIC_CLIENT), "{stranger:?}");
        let sign_in = Form::with(&stranger, "page");
        let origin = stranger.url.origin().ascii_serialization();
        sent(&browser, &sign_in, &[("origin", "https://evil.example")]).await.refused_on_page("OA-22");
        sent(&site.browser(), &sign_in, &[("origin", &origin)]).await.refused_on_page("SB-03");

        let who = browser.follow(browser.submit(sign_in.clone(), &stranger.url).await, |_| false).await;
        let named = browser.submit(Form::with(&who, "person").press("person", ALICE), &who.url).await;
        let listed = browser.follow(named, |_| false).await;

        assert_eq!(listed.url.path(), "/t/demo/apps");
        assert!(listed.has_status(200).text().contains(PUBLIC_CLIENT), "{listed:?}");
        assert_eq!(site.audit().await.of_kind("consent_given").len(), 1, "to sign in allows nothing");
        browser.submit(sign_in, &stranger.url).await.refused_on_page("SB-03");
    }

    async fn sb_03_a_link_to_one_s_own_sign_in_shows_nobody_else_s_apps(site: Site) {
        let (attacker, victim) = (site.browser(), site.browser());
        site.ask(PUBLIC_CLIENT).approved_in(&victim, ALICE).await;
        let stranger = page(&site, &attacker).await;
        let who = attacker.follow(attacker.submit(Form::with(&stranger, "page"), &stranger.url).await, |_| false).await;
        let named = attacker.submit(Form::with(&who, "person").press("person", BOB), &who.url).await;
        let link = attacker.follow(named, |url| url.path().ends_with("/resume")).await.location();

        victim.get(link.as_str()).await.refused_on_page("SB-03");
        assert!(page(&site, &victim).await.text().to_lowercase().contains(ALICE));
    }
}

/// Both nodes take it, whichever was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_ends_is_over_on_every_node() {
    let Some(site) = Site::cluster(2).await else { return };
    let browser = site.browser();
    let tokens = site.ask(PUBLIC_CLIENT).with("redirect_uri", REDIRECT_AT).approved_in(&browser, ALICE).await.redeem().await.granted();
    tokens.call(BANK, "account_balance").await.answered();

    let listed = page(&site, &browser).await;
    browser.submit(button(&listed, &site.app(PUBLIC_CLIENT).id), &listed.url).await.has_status(303);
    site.settle().await;

    for _ in 0..6 {
        tokens.call(BANK, "account_balance").await.challenged("invalid_token");
        tokens.refresh().await.refused(400, "invalid_grant");
    }
}

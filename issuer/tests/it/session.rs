//! How a session ends by itself, and one that ends while its page is being answered.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, PUBLIC_CLIENT};
use chancery_testkit::{Browser, Site};
use serde_json::json;

use crate::consent_page::Shown;

const SECOND: Duration = Duration::from_secs(1);
/// As a tenant has them that says nothing else.
const SESSION: Duration = Duration::from_secs(8 * 60 * 60);
const IDLE: Duration = Duration::from_secs(2 * 60 * 60);

chancery_testkit::both_stores! {
    async fn sb_03_who_approves_while_the_session_ends_signs_in_and_loses_nothing(site: Site) {
        site.apply(|file| file["lifetimes"] = json!({ "session_idle": "9h" })).await;
        let mut went_to_sign_in = 0;
        // The clock moves whenever somebody looks at it, so one of these ends between the look at the session and the commit.
        for before_its_end in 0..12 {
            let browser = site.browser();
            site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;
            let log = site.audit().await;
            let ends_at = log.of_kind("signed_in").last().expect("a sign-in").at + SESSION;
            site.turn(ends_at.since(site.now()) - Duration::from_secs(60));
            let page = Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await;
            assert!(page.answer.text().to_lowercase().contains(ALICE), "{:?}", page.answer);

            site.turn(ends_at.since(site.now()) - Duration::from_millis(before_its_end));
            let on = page.press("approve").await;
            went_to_sign_in += usize::from(on.has_status(303).sent("code").is_none());

            let code = site.ask(PUBLIC_CLIENT);
            code.code(&code.onwards(&browser, on, ALICE, true).await, ALICE);
        }
        assert!((1..12).contains(&went_to_sign_in), "{went_to_sign_in} of 12");
    }

    async fn a_session_ends_when_nobody_uses_it_and_when_it_is_old_however_much_it_is_used(site: Site) {
        let browser = site.browser();
        let tokens = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
        let begun = site.now();
        while site.now().since(begun) + IDLE < SESSION {
            site.turn(IDLE - SECOND);
            assert!(is_known(&site, &browser).await, "after {:?}", site.now().since(begun));
        }
        site.turn(SESSION - site.now().since(begun));
        assert!(!is_known(&site, &browser).await, "it is old");

        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;
        site.turn(IDLE + SECOND);
        assert!(!is_known(&site, &browser).await, "nobody used it");
        // What was allowed there goes on: nobody ended anything.
        tokens.refresh().await.granted();
    }

    async fn a_tenant_says_when_an_unused_session_ends(site: Site) {
        site.apply(|file| file["lifetimes"] = json!({ "session_idle": "10m" })).await;
        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;

        site.turn(SECOND * 590);
        assert!(is_known(&site, &browser).await);
        site.turn(SECOND * 601);
        assert!(!is_known(&site, &browser).await);
    }
}

async fn is_known(site: &Site, browser: &Browser) -> bool {
    site.ask(PUBLIC_CLIENT).open(browser).await.text().contains("is signed in")
}

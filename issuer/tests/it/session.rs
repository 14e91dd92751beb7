//! A session that ends while its page is being answered.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, PUBLIC_CLIENT};

use crate::consent_page::Shown;

const SESSION: Duration = Duration::from_secs(8 * 60 * 60);

chancery_testkit::both_stores! {
    async fn sb_03_who_approves_while_the_session_ends_signs_in_and_loses_nothing(site: Site) {
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
}

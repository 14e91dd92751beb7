//! SB-03: whoever comes back must be the browser that began. An attacker begins, and has a victim finish; or finishes, and has a victim go on.

use chancery_testkit::cast::{BOB, PUBLIC_CLIENT};

use crate::way::{answered, counted, ended, finished, redeemed};

chancery_testkit::both_stores! {
    async fn sb_03_a_sign_in_that_comes_back_in_another_browser_is_refused_before_the_token_request(site: Site) {
        let (attacker, victim) = (site.browser(), site.browser());
        site.ask(PUBLIC_CLIENT).open(&victim).await.has_status(200); // the victim was here before, and has a cookie of its own
        let sent = answered(&site, &attacker).await;

        let answer = victim.get(sent.as_str()).await;

        ended(&answer, 400, "begun in another browser");
        assert_eq!(redeemed(&site), 0);
        counted(&site, "SB-03", "another browser").await;
        // It was noticed, so it is over in the first browser too.
        ended(&attacker.get(sent.as_str()).await, 400, "finished before");
        assert_eq!(redeemed(&site), 0);
    }

    async fn sb_03_a_link_that_is_opened_without_any_cookie_signs_nobody_in_and_ends_nothing(site: Site) {
        let browser = site.browser();
        let sent = answered(&site, &browser).await;

        let scanned = site.browser().get(sent.as_str()).await;

        ended(&scanned, 400, "begun in another browser");
        assert_eq!(redeemed(&site), 0);
        let went_on = browser.get(sent.as_str()).await;
        finished(&site, &browser, went_on).await;
        assert_eq!(redeemed(&site), 1);
    }

    async fn sb_03_a_finished_sign_in_goes_on_only_in_the_browser_that_began_it(site: Site) {
        let (attacker, victim) = (site.browser(), site.browser());
        site.ask(PUBLIC_CLIENT).answered(&victim, BOB, true).await;
        let back = attacker.get(answered(&site, &attacker).await.as_str()).await;
        let resume = back.location();

        let scanner = site.browser();
        for browser in [&scanner, &victim, &scanner, &victim, &attacker] {
            let answer = browser.get(resume.as_str()).await;
            ended(&answer, 400, "cannot be continued");
        }

        let log = site.audit().await;
        log.only("sign_in_refused").says("row", "SB-03").says("reason", "another browser");
        assert_eq!(log.of_kind("consent_given").len(), 1, "the victim's own, of before");
    }

    async fn sb_03_the_way_on_works_once(site: Site) {
        let browser = site.browser();
        let back = browser.get(answered(&site, &browser).await.as_str()).await;
        let resume = back.location();
        finished(&site, &browser, back).await;

        let again = browser.get(resume.as_str()).await;

        ended(&again, 400, "used before");
        assert_eq!(site.audit().await.of_kind("consent_given").len(), 1);
    }
}

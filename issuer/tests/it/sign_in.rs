//! The way on from the identity provider, where an approval becomes a code: once, and in the browser that began it (RFC 9700 §4.7).

use std::time::Duration;

use chancery_testkit::cast::{ALICE, PUBLIC_CLIENT, Person};
use chancery_testkit::{Browser, Form, Revocable, Site};
use url::Url;

use crate::consent_page::Shown;

/// Goes as far as the address that the identity provider's answer leads to, and does not open it.
async fn signed_in(site: &Site, browser: &Browser, person: Person) -> Url {
    let approved = Shown::of(&site.ask(PUBLIC_CLIENT), browser).await.press("approve").await;
    let who = browser.follow(approved, |_| false).await;
    let named = browser.submit(Form::with(&who, "person").press("person", person), &who.url).await;
    let resume = |url: &Url| url.path().ends_with("/resume");
    browser.follow(named, resume).await.location()
}

chancery_testkit::both_stores! {
    async fn sb_03_a_finished_sign_in_goes_on_in_no_other_browser(site: Site) {
        let (attacker, victim) = (site.browser(), site.browser());
        Shown::of(&site.ask(PUBLIC_CLIENT), &victim).await;
        let link = signed_in(&site, &attacker, ALICE).await;

        // Who scans links brings no cookie, and ends nothing.
        site.browser().get(link.as_str()).await.refused_on_page("SB-03");
        assert!(site.audit().await.of_kind("sign_in_refused").is_empty());
        for _ in 0..3 {
            victim.get(link.as_str()).await.refused_on_page("SB-03");
        }
        // It was noticed, so it is over in the first browser too.
        attacker.get(link.as_str()).await.refused_on_page("SB-03");

        let log = site.audit().await;
        assert_eq!(log.of_kind("sign_in_refused").len(), 1, "however often the link is opened: {log:?}");
        assert!(log.of_kind("consent_given").is_empty());
    }

    async fn sb_03_a_finished_sign_in_goes_on_once_and_not_for_ever(site: Site) {
        let browser = site.browser();
        let (used, late) = (signed_in(&site, &browser, ALICE).await, signed_in(&site, &site.browser(), ALICE).await);
        browser.get(used.as_str()).await.has_status(303);

        browser.get(used.as_str()).await.refused_on_page("SB-03");
        browser.get(&site.endpoint("resume?sign_in=AAAA")).await.refused_on_page("SB-03");
        browser.get(&site.endpoint("resume")).await.refused_on_page("SB-03");
        site.turn(Duration::from_secs(3600));
        browser.get(late.as_str()).await.refused_on_page("SB-03");

        assert_eq!(site.audit().await.of_kind("consent_given").len(), 1);
    }

    async fn sb_03_a_sign_in_that_was_revoked_before_it_went_on_is_over(site: Site) {
        for kind in [Revocable::Session, Revocable::Subject] {
            let browser = site.browser();
            let parked = signed_in(&site, &browser, ALICE).await;
            let field = if kind == Revocable::Session { "session" } else { "subject" };
            let id = site.audit().await.of_kind("signed_in").last().expect("a sign-in").fields[field].clone();
            site.revoke(kind, &id).await.expect("it is known");

            browser.get(parked.as_str()).await.refused_on_page("SB-03");
        }

        assert!(site.audit().await.of_kind("consent_given").is_empty());
        site.ask(PUBLIC_CLIENT).approved_in(&site.browser(), ALICE).await.redeem().await.granted();
    }

    async fn jw_06_a_sign_in_whose_provider_was_put_elsewhere_or_removed_before_it_went_on_is_over(site: Site) {
        let other = site.other_provider();
        for elsewhere in [true, false] {
            let browser = site.browser();
            let parked = signed_in(&site, &browser, ALICE).await;
            site.apply(|file| {
                if elsewhere {
                    file["identity_providers"][0]["issuer"] = other["issuer"].clone();
                } else {
                    file["identity_providers"] = serde_json::json!([other]);
                }
            })
            .await;

            let answer = browser.get(parked.as_str()).await;
            assert!(answer.has_status(400).text().contains("does not vouch for you here any more"), "{answer:?}");
        }
        assert!(site.audit().await.of_kind("consent_given").is_empty());
    }

    async fn su_02_what_is_asked_of_a_sign_in_reaches_the_provider(site: Site) {
        for (asked, said) in [
            (site.ask(PUBLIC_CLIENT).with("acr_values", "phr mfa").with("max_age", "300"), [Some("phr mfa"), Some("300")]),
            (site.ask(PUBLIC_CLIENT).with("prompt", "login"), [None, Some("0")]),
            (site.ask(PUBLIC_CLIENT), [None, None]),
        ] {
            let sent = Shown::of(&asked, &site.browser()).await.press("approve").await;
            assert!(sent.has_status(303).sent("client_id").is_some_and(|id| id == "chancery"), "{sent:?}");
            assert_eq!([sent.sent("acr_values").as_deref(), sent.sent("max_age").as_deref()], said, "{sent:?}");
        }
    }

    async fn at_06_a_fresh_sign_in_is_had_by_asking_for_one(site: Site) {
        let browser = site.browser();
        let first = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
        site.turn(Duration::from_secs(600));

        let known = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
        let fresh = site.ask(PUBLIC_CLIENT).with("prompt", "login").approved_in(&browser, ALICE).await.redeem().await.granted();
        let aged = site.ask(PUBLIC_CLIENT).with("max_age", "60").approved_in(&browser, ALICE).await.redeem().await.granted();

        let auth_time = |tokens: &chancery_testkit::Tokens| tokens.claims()["auth_time"].as_i64().expect("a time");
        assert_eq!(auth_time(&known), auth_time(&first));
        assert!(auth_time(&fresh) >= auth_time(&first) + 600);
        assert!(auth_time(&aged) >= auth_time(&first) + 600);
    }
}

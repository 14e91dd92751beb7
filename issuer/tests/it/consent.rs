//! Consent: what the page says, who may answer it, and whom its answer serves (RFC 9700 §4.7; MCP, confused deputy).

use std::time::Duration;

use chancery_testkit::cast::{AGENT, AGENT_CLIENT, ALICE, BANK, BOB, EXCHANGE, OTHER_CLIENT, PUBLIC_CLIENT};
use serde_json::json;

use crate::apps::registered;
use crate::consent_page::Shown;

chancery_testkit::both_stores! {
    async fn oa_22_the_page_says_who_asks_for_what_in_whose_name_and_where_the_answer_goes(site: Site) {
        let browser = site.browser();
        let asked = site.ask(AGENT_CLIENT).again("resource", &site.url(EXCHANGE)).scope("bank:transfer exchange:convert");

        let unknown = Shown::of(&asked, &browser).await.answer.text();
        asked.approved_in(&browser, ALICE).await;
        let known = Shown::of(&asked, &browser).await.answer.text();

        let app = site.app(AGENT_CLIENT);
        for page in [&unknown, &known] {
            for said in [AGENT_CLIENT, &app.id, "The bank", &site.url(BANK), "Move money", "bank:transfer"] {
                assert!(page.contains(said), "{said} is missing: {page}");
            }
            assert!(page.contains(&site.url(EXCHANGE)) && page.contains("Convert amounts"), "{page}");
            assert!(!page.contains("See balances"), "more than was asked for: {page}");
        }
        let names_alice = |page: &str| page.to_lowercase().contains(ALICE);
        assert!(names_alice(&known) && !names_alice(&unknown), "{known}");
        // A stranger learns neither who is here nor how the organisation calls its agents.
        assert!(known.contains(AGENT) && !unknown.contains(AGENT), "{unknown}");
    }

    async fn oa_22_a_name_that_an_app_gave_itself_cannot_act_and_is_not_vouched_for(site: Site) {
        let metadata = json!({ "client_name": "<b>The bank</b>\u{202e}\"'", "redirect_uris": ["https://app.example/cb"] });
        let id = site.register(&metadata).await.has_status(201).json()["client_id"].clone();

        let page = site.ask(PUBLIC_CLIENT).with("client_id", id.as_str().expect("an id")).with("redirect_uri", "https://app.example/cb");
        let page = page.open(&site.browser()).await.has_status(200).text();

        assert!(!page.contains("<b>") && !page.contains('\u{202e}'), "{page}");
        assert!(page.contains("Nobody vouches for this app") && page.contains("<bdi>app.example</bdi>"), "{page}");
    }

    async fn oa_22_a_post_from_another_site_does_nothing(site: Site) {
        let page = Shown::of(&site.ask(PUBLIC_CLIENT), &site.browser()).await;
        let almost_ours = format!("{}/", page.origin());

        for headers in [
            &[][..],
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("origin", "http://127.0.0.1:1")],
            &[("origin", &almost_ours)],
            &[("sec-fetch-site", "cross-site")],
            &[("origin", "null"), ("sec-fetch-site", "same-site")],
            &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
        ] {
            page.posted_by(&page.browser, headers).await.refused_on_page("OA-22");
        }

        page.press("approve").await.has_status(303);
        assert!(site.audit().await.of_kind("consent_given").is_empty());
    }

    async fn oa_22_a_page_that_hides_where_it_is_from_is_taken_by_the_browser_s_word(site: Site) {
        let page = Shown::of(&site.ask(PUBLIC_CLIENT), &site.browser()).await;

        page.posted_by(&page.browser, &[("origin", "null"), ("sec-fetch-site", "same-origin")]).await.has_status(303);
    }

    async fn oa_22_a_page_that_was_tampered_with_or_lay_too_long_does_nothing(site: Site) {
        let page = Shown::of(&site.ask(PUBLIC_CLIENT), &site.browser()).await;
        let approving = page.form.clone().press("decision", "approve");
        let (head, last) = page.sealed().split_at(page.sealed().len() - 1);
        let altered = format!("{head}{}", if last == "A" { "B" } else { "A" });
        let middle = page.sealed().replacen(&page.sealed()[40..44], "AAAA", 1);

        for sealed in [&altered, &middle, "", "x", &page.sealed()[..60]] {
            page.posted_with(&approving.clone().fill("page", sealed)).await.refused_on_page("OA-22");
        }
        page.posted_with(&page.form.clone()).await.refused_on_page("OA-22");
        page.posted_with(&page.form.clone().fill("decision", "perhaps")).await.refused_on_page("OA-22");

        site.turn(Duration::from_secs(10 * 60));
        page.press("approve").await.refused_on_page("OA-22");
    }

    async fn sb_03_a_page_posted_from_another_browser_does_nothing(site: Site) {
        let page = Shown::of(&site.ask(PUBLIC_CLIENT), &site.browser()).await;
        let victim = site.browser();
        site.ask(PUBLIC_CLIENT).approved_in(&victim, ALICE).await;
        let before = site.audit().await.of_kind("consent_given").len();

        for other in [victim, site.browser(), site.program()] {
            page.posted_by(&other, &[("origin", &page.origin())]).await.refused_on_page("SB-03");
        }

        assert_eq!(site.audit().await.of_kind("consent_given").len(), before);
        page.press("approve").await.has_status(303);
    }

    async fn sb_03_a_page_posted_twice_counts_once(site: Site) {
        let browser = site.browser();
        let signing_in = Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await;
        let first = signing_in.press("approve").await;
        signing_in.press("approve").await.refused_on_page("SB-03");
        signing_in.press("deny").await.refused_on_page("SB-03");
        let way_on = site.ask(PUBLIC_CLIENT).onwards(&browser, first, ALICE, true).await;
        assert!(way_on.sent("code").is_some(), "{way_on:?}");

        let known = Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await;
        assert!(known.press("approve").await.has_status(303).sent("code").is_some());
        known.press("approve").await.refused_on_page("SB-03");

        let denied = Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await;
        denied.press("deny").await.sent_back("access_denied");
        denied.press("approve").await.refused_on_page("SB-03");

        assert_eq!(site.audit().await.of_kind("consent_given").len(), 2);
        assert_eq!(site.audit().await.of_kind("consent_denied").len(), 1);
    }

    async fn sb_04_consent_given_to_one_client_serves_no_other(site: Site) {
        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;
        let stranger = registered(&site, &[&site.app(PUBLIC_CLIENT).redirect_uri]).await;

        for (asked, id) in [(site.ask(OTHER_CLIENT), &site.app(OTHER_CLIENT).id), (site.ask_as(stranger.clone()), &stranger.id)] {
            let page = Shown::of(&asked, &browser).await;
            assert!(page.answer.text().contains(id), "{:?}", page.answer);
            asked.clone().with("prompt", "none").open(&browser).await.sent_back("consent_required");
            page.press("deny").await.sent_back("access_denied");
        }
        assert_eq!(site.audit().await.of_kind("consent_given").len(), 1);
    }

    async fn sb_04_a_page_answers_for_the_client_that_it_names(site: Site) {
        let page = Shown::of(&site.ask(PUBLIC_CLIENT), &site.browser()).await;
        let (asked, other) = (site.ask(PUBLIC_CLIENT), site.app(OTHER_CLIENT));

        let form = page.form.clone().press("decision", "approve").fill("client_id", &other.id).fill("redirect_uri", &other.redirect_uri);
        let on = page.posted_with(&form).await;
        let code = asked.code(&asked.onwards(&page.browser, on, ALICE, true).await, ALICE);

        code.redeem_as(&other, &[]).await.refused(400, "invalid_grant");
        code.redeem().await.granted();
    }

    async fn sb_04_a_page_whose_client_was_removed_does_nothing(site: Site) {
        let page = Shown::of(&site.ask(PUBLIC_CLIENT), &site.browser()).await;

        site.apply(|file| file["clients"].as_array_mut().expect("a list").retain(|client| client["name"] != PUBLIC_CLIENT)).await;

        page.press("approve").await.refused_on_page("SB-04");
    }

    async fn sb_04_a_page_that_names_one_person_is_not_answered_by_another(site: Site) {
        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;
        let alice_s = Shown::of(&site.ask(OTHER_CLIENT), &browser).await;
        site.ask(PUBLIC_CLIENT).with("prompt", "login").approved_in(&browser, BOB).await;

        let on = alice_s.press("approve").await;
        let again = Shown::on(browser.follow(on, |_| false).await, &browser);

        let names = |page: &Shown, who: &str| page.answer.text().to_lowercase().contains(who);
        assert!(names(&alice_s, ALICE) && names(&again, BOB), "{:?}", again.answer);
        let code = site.ask(OTHER_CLIENT).code(&again.press("approve").await, BOB);
        code.redeem().await.granted();
        site.audit().await.last(BOB).is("token_issued").names(OTHER_CLIENT);
    }
}

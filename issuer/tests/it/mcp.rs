//! What MCP demands of an authorization server that signs people in at another (MCP 2026-07-28, Authorization and its security
//! considerations; items 39 to 43 of what a proxy of a third party's server must do).

use chancery_testkit::cast::{ALICE, BANK, OTHER_CLIENT, PUBLIC_CLIENT, TENANT};

use crate::consent_page::Shown;

chancery_testkit::both_stores! {
    async fn mc_03_mcp_1d_39_each_client_is_consented_to_by_itself_before_anybody_goes_to_the_provider(site: Site) {
        let browser = site.browser();

        // Our page first, not the provider's; and nobody is signed in by it.
        site.ask(PUBLIC_CLIENT).open(&browser).await.has_status(200);
        assert!(site.audit().await.of_kind("signed_in").is_empty());
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();

        // The provider and its session are the same; the client is another, so the person is asked again.
        site.ask(OTHER_CLIENT).open(&browser).await.has_status(200);
        assert_eq!(site.audit().await.of_kind("consent_given").len(), 1);
    }

    async fn mc_07_mcp_1d_40_the_page_says_who_asks_for_what_and_where_the_answer_goes_and_is_nobody_elses_to_answer(site: Site) {
        let browser = site.browser();
        let asked = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer");
        let page = Shown::of(&asked, &browser).await;

        let (text, app) = (page.answer.text(), site.app(PUBLIC_CLIENT));
        for said in [PUBLIC_CLIENT, "The bank", &site.url(BANK), "See balances", "bank:read", "Move money", "bank:transfer"] {
            assert!(text.contains(said), "{said} is missing: {text}");
        }
        assert!(text.contains("<bdi>127.0.0.1</bdi>"), "the host of the answer is missing: {text}");
        assert!(text.contains(&format!("<code>{}</code>", app.redirect_uri)), "the address of the answer is missing: {text}");
        assert_eq!(page.answer.header("x-frame-options"), Some("DENY"));
        assert!(page.answer.header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors 'none'")));

        // CSRF: another browser, another site, another page's seal.
        let origin = page.origin();
        page.posted_by(&site.browser(), &[("origin", &origin)]).await.has_status(400);
        page.posted_by(&browser, &[("origin", "https://evil.example")]).await.has_status(400);
        let other = page.form.clone().fill("page", &format!("x{}", page.sealed()));
        page.posted_with(&other.press("decision", "approve")).await.has_status(400);
        assert!(site.audit().await.of_kind("consent_given").is_empty());
    }

    async fn mcp_1d_41_what_a_browser_holds_is_for_this_host_alone_and_answers_for_no_other_client(site: Site) {
        let browser = site.browser();
        let (one, other) = (Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await, Shown::of(&site.ask(OTHER_CLIENT), &browser).await);

        let ours = browser.cookies(|jar| jar.iter().filter(|cookie| cookie.name.ends_with(TENANT)).cloned().collect::<Vec<_>>());
        assert!(!ours.is_empty() && ours.iter().all(|cookie| cookie.http_only && cookie.same_site.as_deref() == Some("Lax")), "{ours:?}");
        // Approval is kept by client, at the server: one's page and cookie approve for that one.
        assert_ne!(one.sealed(), other.sealed());
        site.ask(PUBLIC_CLIENT).onwards(&browser, one.answer.clone(), ALICE, true).await;
        let log = site.audit().await;
        log.only("consent_given").names(PUBLIC_CLIENT);
        site.ask(OTHER_CLIENT).open(&browser).await.has_status(200);
    }

    async fn mcp_1d_42_nobody_is_sent_to_the_provider_before_they_approved_and_each_time_with_a_state_of_its_own(site: Site) {
        let mut states = std::collections::BTreeSet::new();
        for _ in 0..3 {
            let browser = site.browser();
            let page = Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await;
            assert!(!page.answer.text().contains("state="), "the page knows the way on: {:?}", page.answer);
            // Nothing waits for an answer yet.
            let early = browser.get(&site.endpoint("callback/idp?code=x&state=x")).await;
            assert!(early.has_status(400).text().contains("not known here"), "{early:?}");

            let sent = page.press("approve").await;
            let state = sent.has_status(303).sent("state").expect("a state");
            assert!(state.len() >= 43 && states.insert(state), "it can be guessed: {sent:?}");
        }
    }

    async fn mc_04_the_issuer_stays_what_it_was_whatever_is_applied(site: Site) {
        let before = site.metadata().await["issuer"].clone();

        site.apply(|file| file["resources"][0]["title"] = "Another bank".into()).await;

        assert_eq!(site.metadata().await["issuer"], before);
        assert_eq!(before, site.issuer().to_string());
    }

    async fn mc_06_offline_access_is_not_advertised_and_a_refresh_token_comes_all_the_same(site: Site) {
        assert!(!site.metadata().await.to_string().contains("offline_access"));

        for scope in ["bank:read", "bank:read offline_access"] {
            let tokens = site.ask(PUBLIC_CLIENT).scope(scope).approved_by(ALICE).await.redeem().await.granted();
            assert_eq!(tokens.claims()["scope"], "bank:read");
            tokens.refresh().await.granted();
        }
    }
}

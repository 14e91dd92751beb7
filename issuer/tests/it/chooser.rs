//! A tenant with several identity providers: who is sent where, and the page that asks.

use chancery_testkit::cast::{ALICE, BANK, BOB, IDENTITY_PROVIDER, OTHER_CLIENT, OTHER_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::provider::TOKEN;
use chancery_testkit::{Answer, App, Browser, Form, Site};
use serde_json::json;

use crate::consent_page::Shown;

/// The site's own provider for acme.example, the other for partner.example.
async fn with_two(site: &Site) {
    site.apply(|file| {
        file["identity_providers"][0]["domains"] = json!(["acme.example"]);
        file["identity_providers"][0]["title"] = json!("People of Acme");
        let mut other = site.other_provider();
        other["domains"] = json!(["partner.example"]);
        file["identity_providers"].as_array_mut().expect("a list").push(other);
    })
    .await;
}

/// The page that asks this browser where, after an approval.
async fn asked(site: &Site, browser: &Browser) -> Answer {
    Shown::of(&site.ask(PUBLIC_CLIENT), browser).await.press("approve").await
}

fn choosing(page: &Answer, provider: &str) -> Form {
    Form::with(page.has_status(200), "provider").press("provider", provider)
}

async fn at_the_provider(answer: &Answer, provider: &str) {
    let issuer = if provider == IDENTITY_PROVIDER { "/idp" } else { "/partner" };
    let to = answer.has_status(303).location();
    assert!(to.path().contains(issuer), "{to} is not {provider}");
}

chancery_testkit::both_stores! {
    async fn who_has_several_providers_before_them_chooses_and_gets_what_was_approved(site: Site) {
        with_two(&site).await;
        for provider in [IDENTITY_PROVIDER, OTHER_PROVIDER] {
            let (browser, ask) = (site.browser(), site.ask(PUBLIC_CLIENT));
            let page = asked(&site, &browser).await;
            let told = page.text();
            assert!(told.contains("People of Acme") && told.contains("@partner.example") && told.contains("notebook"), "{told}");
            assert_eq!((page.header("x-frame-options"), page.header("cache-control")), (Some("DENY"), Some("no-store")));

            let answer = ask.choosing(&browser, page, provider, ALICE).await;

            ask.code(&answer, ALICE).redeem().await.granted().call(BANK, "account_balance").await.answered();
            let log = site.audit().await;
            let came = log.of_kind("consent_given");
            assert_eq!(came.last().expect("a consent").fields["identity_provider"], provider);
        }
    }

    async fn jw_06_one_sub_at_two_providers_is_two_people_side_by_side(site: Site) {
        with_two(&site).await;
        let here = site.ask(PUBLIC_CLIENT).approved_at(&site.browser(), IDENTITY_PROVIDER, ALICE).await.redeem().await.granted();
        let there = site.ask(PUBLIC_CLIENT).approved_at(&site.browser(), OTHER_PROVIDER, ALICE).await.redeem().await.granted();
        assert_ne!(here.claims()["sub"], there.claims()["sub"]);

        site.apply(|file| {
            file["identity_providers"].as_array_mut().expect("a list").pop();
        })
        .await;

        there.refresh().await.refused(400, "invalid_grant");
        here.refresh().await.granted().call(BANK, "account_balance").await.answered();
    }

    async fn a_hint_or_the_session_says_where_and_nobody_is_asked(site: Site) {
        with_two(&site).await;
        let approved = async |parameters: &[(&str, &str)], browser: &Browser| {
            let ask = parameters.iter().fold(site.ask(PUBLIC_CLIENT), |ask, (name, value)| ask.with(name, value));
            Shown::of(&ask, browser).await.press("approve").await
        };
        for (hint, provider) in [("bob@Partner.example", OTHER_PROVIDER), ("bob@acme.example", IDENTITY_PROVIDER)] {
            let answer = approved(&[("login_hint", hint)], &site.browser()).await;
            at_the_provider(&answer, provider).await;
            assert_eq!(answer.sent("login_hint").as_deref(), Some(hint), "the provider hears who it is");
        }
        choosing(&approved(&[("login_hint", "bob@elsewhere.example")], &site.browser()).await, OTHER_PROVIDER);

        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_at(&browser, OTHER_PROVIDER, ALICE).await;
        at_the_provider(&approved(&[("prompt", "login")], &browser).await, OTHER_PROVIDER).await;
        at_the_provider(&approved(&[("max_age", "0")], &browser).await, OTHER_PROVIDER).await;
        at_the_provider(&approved(&[("prompt", "login"), ("login_hint", "x@acme.example")], &browser).await, IDENTITY_PROVIDER).await;
        choosing(&approved(&[("prompt", "select_account")], &browser).await, IDENTITY_PROVIDER);
        assert!(approved(&[], &browser).await.has_status(303).sent("code").is_some(), "who is known need not sign in");
    }

    async fn oa_21_where_nobody_may_be_asked_nobody_is_asked_where(site: Site) {
        with_two(&site).await;
        for hint in ["alice@acme.example", "alice"] {
            let silent = site.ask(PUBLIC_CLIENT).with("prompt", "none").with("login_hint", hint);
            silent.open(&site.browser()).await.sent_back("login_required"); // OA-21
        }
    }

    async fn sb_03_a_choice_counts_once_and_only_in_the_browser_that_approved(site: Site) {
        with_two(&site).await;
        let (attacker, victim) = (site.browser(), site.browser());
        Shown::of(&site.ask(PUBLIC_CLIENT), &victim).await;
        let page = asked(&site, &attacker).await;
        let form = choosing(&page, OTHER_PROVIDER);

        victim.submit(form.clone(), &page.url).await.refused_on_page("SB-03");
        site.browser().submit(form.clone(), &page.url).await.refused_on_page("SB-03");
        at_the_provider(&attacker.submit(form.clone(), &page.url).await, OTHER_PROVIDER).await;
        attacker.submit(form, &page.url).await.refused_on_page("SB-03");

        site.turn(std::time::Duration::from_secs(3600));
        let page = asked(&site, &attacker).await;
        site.turn(std::time::Duration::from_secs(601));
        attacker.submit(choosing(&page, OTHER_PROVIDER), &page.url).await.refused_on_page("OA-22");
    }

    async fn sb_04_a_chooser_serves_the_client_whose_request_was_approved_and_no_other(site: Site) {
        with_two(&site).await;
        let (browser, evil) = (site.browser(), App { redirect_uri: "http://127.0.0.1:47012/callback".to_owned(), ..site.app(OTHER_CLIENT) });
        let page = asked(&site, &browser).await;
        let form = choosing(&page, IDENTITY_PROVIDER);

        // Neither a consent page nor anything else of this server is a chooser, nor is a chooser an approval.
        let asking = Shown::of(&site.ask_as(evil.clone()), &browser).await;
        browser.submit(form.clone().fill("page", asking.sealed()), &page.url).await.refused_on_page("SB-04");
        let sealed = form.field("page").expect("it carries its request").to_owned();
        asking.posted_with(&asking.form.clone().press("decision", "approve").fill("page", &sealed)).await.refused_on_page("OA-22");

        // What is sent beside it changes nothing.
        let more = form.fill("client_id", &evil.id).fill("redirect_uri", &evil.redirect_uri).fill("scope", "bank:transfer");
        let on = browser.submit(more, &page.url).await;
        let ask = site.ask(PUBLIC_CLIENT);
        let code = ask.code(&ask.onwards(&browser, on, ALICE, true).await, ALICE);
        code.redeem_as(&evil, &[]).await.refused(400, "invalid_grant");
        site.audit().await.only("consent_given").says("client", &site.app(PUBLIC_CLIENT).id).says("scope", "bank:read");
    }

    async fn sb_05_an_answer_of_another_provider_than_the_one_chosen_ends_the_sign_in(site: Site) {
        with_two(&site).await;
        let browser = site.browser();
        let page = asked(&site, &browser).await;
        let chosen = browser.submit(choosing(&page, IDENTITY_PROVIDER), &page.url).await;
        let back = |url: &url::Url| url.path().ends_with(&format!("callback/{IDENTITY_PROVIDER}"));
        let who = browser.follow(chosen, back).await;
        let named = browser.submit(Form::with(&who, "person").press("person", BOB), &who.url).await;
        let sent = browser.follow(named, back).await.location().to_string();

        let answer = browser.get(&sent.replace(&format!("callback/{IDENTITY_PROVIDER}"), &format!("callback/{OTHER_PROVIDER}"))).await;

        answer.refused_on_page("SB-05"); // SB-05
        assert_eq!((site.identity_provider().asked(TOKEN), site.other_identity_provider().asked(TOKEN)), (0, 0));
    }

    async fn who_comes_for_their_apps_is_asked_where_too(site: Site) {
        with_two(&site).await;
        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_at(&site.browser(), OTHER_PROVIDER, ALICE).await.redeem().await.granted();
        let page = browser.get(&site.endpoint("apps")).await;
        let page = browser.submit(Form::with(&page, "page"), &page.url).await;
        assert!(!page.text().contains("gets access"), "{}", page.text());

        let chosen = browser.submit(choosing(&page, OTHER_PROVIDER), &page.url).await;
        let who = browser.follow(chosen, |_| false).await;
        let named = browser.submit(Form::with(&who, "person").press("person", ALICE), &who.url).await;
        let apps = browser.follow(named, |_| false).await;

        assert!(apps.text().contains("notebook") && apps.text().contains("End access"), "{}", apps.text());
    }

    async fn a_provider_that_went_while_the_page_lay_open_is_not_gone_to(site: Site) {
        with_two(&site).await;
        let browser = site.browser();
        let page = asked(&site, &browser).await;
        site.apply(|file| {
            file["identity_providers"].as_array_mut().expect("a list").pop();
        })
        .await;

        let answer = browser.submit(choosing(&page, OTHER_PROVIDER), &page.url).await;
        assert_eq!(answer.has_status(400).header("location"), None);
        at_the_provider(&browser.submit(choosing(&page, IDENTITY_PROVIDER), &page.url).await, IDENTITY_PROVIDER).await;
    }
}

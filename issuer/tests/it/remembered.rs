//! What a person allowed is not asked again; anything else is (design: consent; RFC 9700 §4.7, MCP confused deputy).

use std::time::Duration;

use bytes::Bytes;
use chancery_store::{Unit, Write, repo};
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, BOB, EXCHANGE, OTHER_CLIENT, PUBLIC_CLIENT};
use chancery_testkit::{App, Browser, Revocable, Site, request};
use http::Method;
use serde_json::{Value, json};

use crate::apps::{at, registered};
use crate::consent_page::Shown;

const CALLBACK: &str = "https://notebook.example/callback";
const ELSEWHERE: &str = "https://elsewhere.example/callback";

fn client<'a>(file: &'a mut Value, name: &str) -> &'a mut Value {
    file["clients"].as_array_mut().expect("a list").iter_mut().find(|client| client["name"] == name).expect("a client")
}

/// The app of the file, with two addresses on the web besides its loopback one.
pub async fn on_the_web(site: &Site, name: &'static str) -> App {
    site.apply(|file| {
        let known = client(file, name)["redirect_uris"][0].clone();
        client(file, name)["redirect_uris"] = json!([CALLBACK, ELSEWHERE, known]);
    })
    .await;
    at(&site.app(name), CALLBACK)
}

/// A browser in which alice allowed this app the bank, with its default scope.
async fn allowed(site: &Site, app: &App) -> Browser {
    let browser = site.browser();
    site.ask_as(app.clone()).approved_in(&browser, ALICE).await;
    browser
}

chancery_testkit::both_stores! {
    async fn sb_04_what_was_allowed_is_not_asked_again_and_ends_when_the_page_said(site: Site) {
        site.apply(|file| file["lifetimes"] = json!({ "unvouched": "100d" })).await;
        let app = on_the_web(&site, PUBLIC_CLIENT).await;
        let browser = allowed(&site, &app).await;
        let asked = site.ask_as(app.clone());

        let answer = asked.open(&browser).await;
        assert!(answer.has_status(303).sent("code").is_some() && answer.sent("iss").is_some(), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let tokens = asked.code(&answer, ALICE).redeem().await.granted();
        tokens.call(BANK, "account_balance").await.answered();

        let log = site.audit().await;
        assert_eq!((log.of_kind("consent_given").len(), log.of_kind("consent_remembered").len()), (1, 1));
        assert_eq!(log.of_kind("consent_remembered")[0].fields["scope"], "bank:read");
        // Ninety days after the page, not after the code.
        site.turn(Duration::from_secs(89 * 24 * 3600));
        let later = site.browser();
        let page = Shown::of(&asked, &later).await;
        asked.onwards(&later, page.press("deny").await, ALICE, false).await;
        tokens.refresh().await.refused(400, "invalid_grant");
    }

    async fn oa_21_where_nobody_need_be_asked_prompt_none_gets_its_code(site: Site) {
        let app = on_the_web(&site, PUBLIC_CLIENT).await;
        let (browser, silently) = (allowed(&site, &app).await, site.ask_as(app.clone()).with("prompt", "none"));

        assert!(silently.open(&browser).await.has_status(303).sent("code").is_some());
        silently.open(&site.browser()).await.sent_back("login_required");
        silently.clone().scope("bank:read bank:transfer").open(&browser).await.sent_back("consent_required");
        silently.resource(EXCHANGE).open(&browser).await.sent_back("consent_required");
    }

    async fn sb_04_more_than_was_allowed_is_asked_and_then_remembered(site: Site) {
        let app = on_the_web(&site, PUBLIC_CLIENT).await;
        let browser = allowed(&site, &app).await;
        let (less, more) = (site.ask_as(app.clone()), site.ask_as(app.clone()).scope("bank:read bank:transfer"));
        let both = less.clone().again("resource", &site.url(EXCHANGE)).scope("bank:read exchange:convert");

        for wider in [&more, &both] {
            Shown::of(wider, &browser).await.press("deny").await.sent_back("access_denied");
        }
        assert!(Shown::of(&more, &browser).await.press("approve").await.sent("code").is_some());

        for known in [&more, &less] {
            assert!(known.open(&browser).await.has_status(303).sent("code").is_some());
        }
        Shown::of(&both, &browser).await;
    }

    async fn sb_04_what_one_person_or_client_was_allowed_serves_no_other(site: Site) {
        let (app, other) = (on_the_web(&site, PUBLIC_CLIENT).await, on_the_web(&site, OTHER_CLIENT).await);
        let browser = allowed(&site, &app).await;
        let stranger = registered(&site, &[CALLBACK]).await;

        for another in [other, stranger] {
            Shown::of(&site.ask_as(another), &browser).await;
        }
        // Bob signs in at the same browser: what alice allowed is none of his.
        site.ask_as(app.clone()).with("prompt", "login").answered(&browser, BOB, false).await;
        let bob_s = site.browser();
        site.ask(OTHER_CLIENT).approved_in(&bob_s, BOB).await;
        let page = Shown::of(&site.ask_as(app.clone()), &bob_s).await;
        assert!(page.answer.text().to_lowercase().contains(BOB), "{:?}", page.answer);
    }

    async fn ci_08_another_name_or_another_host_is_asked_about(site: Site) {
        let app = on_the_web(&site, PUBLIC_CLIENT).await;
        let browser = allowed(&site, &app).await;

        Shown::of(&site.ask_as(at(&app, ELSEWHERE)), &browser).await;
        assert!(site.ask_as(app.clone()).open(&browser).await.sent("code").is_some());

        rename(&site, &app.id).await;
        Shown::of(&site.ask_as(app), &browser).await;
    }

    async fn oa_22_a_client_that_asks_for_the_page_gets_it(site: Site) {
        let app = on_the_web(&site, PUBLIC_CLIENT).await;
        let browser = allowed(&site, &app).await;

        for again in ["consent", "login", "select_account", "login consent"] {
            Shown::of(&site.ask_as(app.clone()).with("prompt", again), &browser).await;
        }
        let recent = site.ask_as(app.clone()).with("max_age", "60");
        assert!(recent.open(&browser).await.sent("code").is_some());
        site.turn(Duration::from_secs(61));
        Shown::of(&recent, &browser).await;
        assert!(site.ask_as(app).open(&browser).await.sent("code").is_some());
    }

    async fn oa_03_an_answer_that_any_program_could_take_is_always_asked_about(site: Site) {
        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;
        let page = Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await;
        assert!(page.answer.text().contains("Each time"), "{:?}", page.answer);

        let app = registered(&site, &["com.example.sketchbook:/callback"]).await;
        assert!(Shown::of(&site.ask_as(app.clone()), &browser).await.press("approve").await.sent("code").is_some());
        Shown::of(&site.ask_as(app), &browser).await;
    }

    async fn oa_22_nobody_is_sent_on_by_a_frame_an_image_or_a_look_ahead(site: Site) {
        let app = on_the_web(&site, PUBLIC_CLIENT).await;
        let browser = allowed(&site, &app).await;
        let url = site.ask_as(app).url();
        let with = async |headers: &[(&str, &str)]| {
            let asked = headers.iter().fold(request(Method::GET, &url), |asked, (name, value)| asked.header(*name, *value));
            browser.send(asked.body(Bytes::new()).expect("a request")).await
        };

        for headers in [
            [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
            [("sec-fetch-mode", "navigate"), ("sec-purpose", "prefetch")],
        ] {
            with(&headers).await.has_status(200);
        }

        assert!(site.audit().await.of_kind("consent_remembered").is_empty());
        with(&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]).await.has_status(303);
    }

    async fn sb_04_what_was_ended_is_asked_again(site: Site) {
        let app = on_the_web(&site, PUBLIC_CLIENT).await;
        for kind in [Revocable::Grant, Revocable::Client, Revocable::Subject] {
            let browser = allowed(&site, &app).await;
            assert!(site.ask_as(app.clone()).open(&browser).await.sent("code").is_some());
            let log = site.audit().await;
            let given = log.of_kind("consent_given").last().map(|event| event.fields.clone()).expect("consent was given");
            let id = match kind { Revocable::Grant => &given["grants"], Revocable::Client => &app.id, _ => &given["subject"] };

            site.revoke(kind, id).await.expect("it is known");

            let page = Shown::of(&site.ask_as(app.clone()), &browser).await;
            let known = page.answer.text().to_lowercase().contains(ALICE);
            assert_eq!(known, kind != Revocable::Subject, "{:?}", page.answer);
        }
    }

    async fn oa_13_a_replayed_refresh_token_ends_what_was_remembered_too(site: Site) {
        let app = on_the_web(&site, PUBLIC_CLIENT).await;
        let (browser, asked) = (site.browser(), site.ask_as(app));
        let first = asked.approved_in(&browser, ALICE).await.redeem().await.granted();
        let second = first.refresh().await.granted();
        second.refresh().await.granted();

        first.refresh().await.refused(400, "invalid_grant");

        Shown::of(&asked, &browser).await;
    }

    async fn at_04_another_agent_is_asked_about(site: Site) {
        let app = on_the_web(&site, AGENT_CLIENT).await;
        let browser = allowed(&site, &app).await;
        assert!(site.ask_as(app.clone()).open(&browser).await.sent("code").is_some());

        site.apply(|file| {
            file["agents"].as_array_mut().expect("a list").push(json!({ "name": "bookkeeper", "owner": "finance" }));
            client(file, AGENT_CLIENT)["agent"] = json!("bookkeeper");
        })
        .await;

        Shown::of(&site.ask_as(app), &browser).await;
    }
}

/// The client calls itself otherwise than the page did.
async fn rename(site: &Site, client: &str) {
    const RENAMED: &str = "UPDATE approvals SET client_name = 'another' WHERE client = $1";
    let tenants = repo::tenants::all(site.store()).await.expect("the store answers");
    let unit = Unit::new(tenants[0].id, vec![Write::one(RENAMED, vec![client.into()])]);
    let _receipt = site.store().commit(unit).await.expect("the store obeys");
}

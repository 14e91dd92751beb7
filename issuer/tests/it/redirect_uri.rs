//! Who is redirected to, and who is not: clients and their redirect URIs (OAuth 2.1 §2.3, §4.1.1; RFC 8252 §7.3).

use chancery_testkit::cast::{ALICE, PUBLIC_CLIENT};

use crate::apps::{at, registered};

const WEB: &str = "https://app.example/cb";
const WEB_WITH_QUERY: &str = "https://app.example/cb2?tenant=a";

/// Each differs from what is registered: in case, slash, dots, port, userinfo, query, fragment, coding, or altogether.
const ELSEWHERE: &[&str] = &[
    "https://app.example/CB",
    "https://APP.example/cb",
    "HTTPS://app.example/cb",
    "http://app.example/cb",
    "https://app.example/cb/",
    "https://app.example//cb",
    "https://app.example/./cb",
    "https://app.example/%2e/cb",
    "https://app.example/x/../cb",
    "https://app.example/%63b",
    "https://app.example/cb%2e",
    "https://app.example/cb;x",
    "https://app.example/cb?",
    "https://app.example/cb?x=1",
    "https://app.example/cb#",
    "https://app.example/cb#x",
    "https://app.example:443/cb",
    "https://app.example./cb",
    "https://me@app.example/cb",
    "https://app.example@evil.example/cb",
    "https://app.example\\@evil.example/cb",
    "https://app.example.evil.example/cb",
    "https://evil.example/cb",
    "https://app.example/cb2",
    "https://app.example/cb2?tenant=b",
    "https://app.example/cb2?tenant=a&x=1",
    " https://app.example/cb",
    "https://app.example/cb ",
    "https://app.example/cb\n",
    "https://app.example/cb\0",
    "/cb",
    "javascript:alert(1)",
    "https://evil.example/\"><script>alert(1)</script>",
];

chancery_testkit::both_stores! {
    async fn oa_01_an_unknown_client_gets_a_page_and_never_a_redirect(site: Site) {
        let asked = site.ask(PUBLIC_CLIENT);

        for id in ["cli_00000000000000000000000000000000", PUBLIC_CLIENT, "https://app.example/client", "<script>alert(1)</script>", ""] {
            let answer = asked.clone().with("client_id", id).open(&site.browser()).await;
            assert!(!answer.refused_on_page("OA-01").text().contains("<script"), "{answer:?}");
        }
        asked.without("client_id").open(&site.browser()).await.refused_on_page("OA-01");
    }

    async fn oa_01_a_client_that_was_removed_is_unknown(site: Site) {
        let asked = site.ask(PUBLIC_CLIENT);
        asked.open(&site.browser()).await.has_status(200);

        site.apply(|file| file["clients"].as_array_mut().expect("a list").retain(|client| client["name"] != PUBLIC_CLIENT)).await;

        asked.open(&site.browser()).await.refused_on_page("OA-01");
    }

    async fn oa_02_mcp_1d_43_any_other_address_than_a_registered_one_gets_a_page_and_no_redirect(site: Site) {
        let app = registered(&site, &[WEB, WEB_WITH_QUERY]).await;
        let browser = site.browser();

        for elsewhere in ELSEWHERE {
            let page = site.ask_as(at(&app, elsewhere)).open(&browser).await;
            assert!(!page.refused_on_page("OA-02").text().contains("<script"), "{page:?}");
        }
        for address in [WEB, WEB_WITH_QUERY] {
            site.ask_as(at(&app, address)).open(&browser).await.has_status(200);
        }
    }

    async fn oa_02_no_address_is_guessed(site: Site) {
        let (one, several) = (registered(&site, &[WEB]).await, registered(&site, &[WEB, WEB_WITH_QUERY]).await);
        let browser = site.browser();

        site.ask_as(several.clone()).without("redirect_uri").open(&browser).await.refused_on_page("OA-02");
        site.ask_as(several).again("redirect_uri", WEB_WITH_QUERY).open(&browser).await.refused_on_page("OA-02");

        let denied = site.ask_as(one).without("redirect_uri").answered(&browser, ALICE, false).await;
        assert!(denied.sent_back("access_denied").location().as_str().starts_with(WEB), "{denied:?}");
    }

    async fn oa_02_the_answer_keeps_the_query_of_the_address(site: Site) {
        let app = registered(&site, &[WEB_WITH_QUERY]).await;

        let answer = site.ask_as(app).answered(&site.browser(), ALICE, true).await;

        let location = answer.header("location").expect("a redirect");
        assert!(location.starts_with(&format!("{WEB_WITH_QUERY}&code=")), "{location}");
    }

    async fn oa_04_an_app_that_registered_itself_is_told_nothing_before_a_person_was_asked(site: Site) {
        let app = registered(&site, &[WEB, "http://127.0.0.1/cb"]).await;
        let browser = site.browser();
        let wrongs = [("response_type", "token"), ("code_challenge", ""), ("scope", "no:such"), ("resource", "https://x.example/"), ("prompt", "none")];

        for (name, value) in wrongs {
            let page = site.ask_as(app.clone()).with(name, value).open(&browser).await;
            assert!(page.refused_on_page("").text().contains("app.example"), "{name}: {page:?}");
            let local = site.ask_as(at(&app, "http://127.0.0.1:7/cb")).with(name, value).open(&browser).await;
            assert!(local.sent("error").is_some() && local.location().as_str().starts_with("http://127.0.0.1:7/cb?"), "{name}: {local:?}");
        }
        site.ask_as(app.clone()).approved_in(&browser, ALICE).await;
        let more = site.ask_as(app.clone()).scope("bank:read bank:transfer").with("prompt", "none");
        more.open(&browser).await.refused_on_page("OA-21");

        let denied = site.ask_as(app).answered(&site.browser(), ALICE, false).await;
        assert!(denied.sent_back("access_denied").location().as_str().starts_with(WEB), "{denied:?}");
    }

    async fn oa_03_a_loopback_address_is_answered_at_any_port(site: Site) {
        let app = registered(&site, &["http://127.0.0.1/cb?x=1", "http://[::1]/cb", "http://localhost:3118/cb"]).await;
        let asked =
            ["http://127.0.0.1/cb?x=1", "http://127.0.0.1:51234/cb?x=1", "http://[::1]:8/cb", "http://localhost:1/cb", "http://localhost/cb"];

        for asked in asked {
            let (ask, browser) = (site.ask_as(at(&app, asked)), site.browser());
            let page = ask.open(&browser).await;
            assert!(page.has_status(200).text().contains("The answer stays on this computer"), "no warning for {asked}");
            let answer = ask.onwards(&browser, page, ALICE, true).await;
            let location = answer.header("location").expect("a redirect");
            assert!(location.starts_with(asked) && location.contains("code="), "{asked}: {location}");
        }
    }

    async fn oa_03_but_for_the_port_nothing_of_a_loopback_address_may_differ(site: Site) {
        let app = registered(&site, &["http://127.0.0.1/cb?x=1", "http://[::1]:7/cb"]).await;
        let browser = site.browser();

        for asked in [
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1:1/cb?x=2",
            "http://127.0.0.1:1/cb?x=1&y",
            "http://127.0.0.1:1/cb?x=1#",
            "http://127.0.0.1:1/CB?x=1",
            "http://127.0.0.1:1/./cb?x=1",
            "https://127.0.0.1:1/cb?x=1",
            "http://127.0.0.2:1/cb?x=1",
            "http://127.1:1/cb?x=1",
            "http://localhost:1/cb?x=1",
            "http://127.0.0.1:99999/cb?x=1",
            "http://127.0.0.1:/cb?x=1",
            "http://127.0.0.1:+1/cb?x=1",
            "http://127.0.0.1.evil.example/cb?x=1",
            "http://127.0.0.1:1.evil.example/cb?x=1",
            "http://127.0.0.1@evil.example/cb?x=1",
            "http://127.0.0.1:1@evil.example/cb?x=1",
            "http://[::1]:7/",
            "http://[0:0:0:0:0:0:0:1]:7/cb",
        ] {
            site.ask_as(at(&app, asked)).open(&browser).await.refused_on_page("OA-02");
        }
    }

    async fn oa_03_an_address_elsewhere_has_its_port_and_no_warning(site: Site) {
        let app = registered(&site, &["https://app.example:8443/cb"]).await;

        let page = site.ask_as(app.clone()).open(&site.browser()).await;
        let other = site.ask_as(at(&app, "https://app.example:8444/cb")).open(&site.browser()).await;

        assert!(!page.has_status(200).text().contains("Any program that runs here"), "{page:?}");
        other.refused_on_page("OA-02");
    }
}

//! What stands around the answers: who may read them from another origin, what pages forbid, which redirects are sent.

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, PUBLIC_CLIENT, TENANT};
use chancery_testkit::{Answer, Ask, Browser, Form, Site, request};
use http::{Method, header};
use serde_json::json;

use crate::consent_page::Shown;

/// A request as a script on another site would send it.
async fn from_elsewhere(site: &Site, method: Method, url: &str) -> Answer {
    let asked = request(method, url).header(header::ORIGIN, "https://app.example").header("access-control-request-method", "POST");
    let asked = asked.header("access-control-request-headers", "authorization, content-type, mcp-protocol-version");
    site.browser().send(asked.body(Bytes::new()).expect("a request")).await
}

fn cannot_be_framed_or_kept_and_sends_no_referrer(page: &Answer) {
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{page:?}");
    assert!(!policy.contains("unsafe") && !policy.contains("form-action"), "{page:?}");
    assert_eq!(page.header("x-frame-options"), Some("DENY"), "{page:?}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"), "{page:?}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{page:?}");
    assert_eq!(page.header("cache-control"), Some("no-store"), "{page:?}");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{page:?}");
}

/// Every answer on the way from a request to the app, and whether it answered a post.
async fn whole_way(asked: &Ask, browser: &Browser) -> Vec<(bool, Answer)> {
    let mut way = vec![(false, asked.open(browser).await)];
    loop {
        let (_, last) = way.last().expect("the first");
        if !last.status.is_redirection() {
            let form = Form::all(last).into_iter().next().expect("a form");
            let button = form.buttons.iter().find(|(_, value)| value == ALICE || value == "approve").cloned().expect("a button");
            way.push((true, browser.submit(form.press(&button.0, &button.1), &last.url).await));
        } else if last.sent("code").is_some() && last.location().path() == "/callback" {
            return way;
        } else {
            way.push((false, browser.get(last.location().as_str()).await));
        }
    }
}

chancery_testkit::both_stores! {
    async fn oa_18_clients_in_a_browser_may_use_the_endpoints_for_clients(site: Site) {
        let (base, issuer) = (site.base().to_owned(), site.issuer());
        for url in [
            format!("{base}/.well-known/oauth-authorization-server/t/{TENANT}"),
            format!("{base}/.well-known/openid-configuration/t/{TENANT}"),
            format!("{issuer}/.well-known/openid-configuration"),
            format!("{issuer}/jwks"),
            format!("{issuer}/token"),
            format!("{issuer}/register"),
            format!("{issuer}/revoke"),
            format!("{base}/t/nobody/token"),
        ] {
            let before = from_elsewhere(&site, Method::OPTIONS, &url).await;
            assert!(before.status.is_success(), "{before:?}");
            let allowed = before.header("access-control-allow-headers").unwrap_or_default().to_ascii_lowercase();
            assert!(["authorization", "content-type", "mcp-protocol-version"].iter().all(|name| allowed.contains(name)), "{before:?}");
            assert!(before.header("access-control-allow-methods").is_some_and(|methods| methods.contains("POST")), "{before:?}");
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let answer = from_elsewhere(&site, method, &url).await;
                assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:?}");
                assert!(answer.header("access-control-allow-credentials").is_none(), "{answer:?}");
                assert!(answer.header("set-cookie").is_none(), "{answer:?}");
            }
        }
        let granted = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await.redeem().await;
        assert_eq!(granted.answer.header("access-control-allow-origin"), Some("*"));
    }

    async fn oa_18_what_a_person_visits_is_not_for_scripts(site: Site) {
        for url in [site.ask(PUBLIC_CLIENT).url(), site.endpoint("consent"), site.endpoint("resume"), site.endpoint("callback/idp")] {
            for method in [Method::GET, Method::POST, Method::OPTIONS] {
                let answer = from_elsewhere(&site, method, &url).await;
                let open = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
                assert_eq!(open, None, "{answer:?}");
            }
        }
    }

    async fn oa_18_pages_cannot_be_framed_and_send_no_referrer(site: Site) {
        let browser = site.browser();
        let page = Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await;

        for page in [
            page.answer.clone(),
            site.ask(PUBLIC_CLIENT).with("client_id", "x").open(&browser).await,
            site.ask(PUBLIC_CLIENT).with("redirect_uri", "https://evil.example/").open(&browser).await,
            page.posted_by(&browser, &[]).await,
            browser.get(&site.endpoint("resume?sign_in=x")).await,
            browser.get(&site.endpoint("callback/idp?code=x&state=x")).await,
            browser.get(&format!("{}/t/nobody/authorize", site.base())).await,
        ] {
            cannot_be_framed_or_kept_and_sends_no_referrer(&page);
        }
    }

    async fn oa_18_the_browser_s_cookie_is_for_no_script_and_no_other_site(site: Site) {
        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;

        let cookies = browser.cookies(|jar| jar.iter().filter(|cookie| cookie.name.starts_with("chancery_")).cloned().collect::<Vec<_>>());

        let ours: Vec<_> = cookies.iter().filter(|cookie| cookie.name.ends_with(TENANT)).collect();
        assert_eq!(ours.len(), 2, "{cookies:?}");
        for cookie in ours {
            assert!(cookie.http_only && cookie.same_site.as_deref() == Some("Lax") && cookie.path == "/", "{cookie:?}");
            assert!(cookie.value.len() >= 43, "{cookie:?}");
        }
        let before = browser.cookies(|jar| jar.iter().cloned().collect::<Vec<_>>());
        site.ask(PUBLIC_CLIENT).open(&browser).await.has_status(200);
        assert_eq!(browser.cookies(|jar| jar.iter().cloned().collect::<Vec<_>>()), before, "one page does not shut another");
    }

    async fn sb_06_a_post_is_redirected_by_303_and_nothing_by_307_or_308(site: Site) {
        let browser = site.browser();
        let (unknown, known) = (whole_way(&site.ask(PUBLIC_CLIENT), &browser).await, whole_way(&site.ask(PUBLIC_CLIENT), &browser).await);
        let denied = (true, Shown::of(&site.ask(PUBLIC_CLIENT), &browser).await.press("deny").await);

        assert!(unknown.len() >= 6 && known.len() == 2, "{unknown:?}");
        let here = |(_, answer): &(bool, Answer)| answer.url.as_str().starts_with(site.base());
        for (posted, answer) in unknown.into_iter().chain(known).chain([denied]).filter(here) {
            let status = answer.status.as_u16();
            assert!(matches!(status, 200 | 302 | 303), "{answer:?}");
            assert!(!posted || status == 303, "{answer:?}");
        }
        for almost in ["authorize/", "token/", "consent/", "jwks/", "/authorize"] {
            site.browser().get(&site.endpoint(almost)).await.has_status(404);
            site.browser().post(&site.endpoint(almost), &[]).await.has_status(404);
        }
    }

    async fn what_a_method_is_not_for_is_405(site: Site) {
        for (method, name) in [(Method::GET, "consent"), (Method::POST, "resume"), (Method::POST, "jwks"), (Method::GET, "register"), (Method::PUT, "authorize")] {
            let answer = site.program().send(request(method, &site.endpoint(name)).body(Bytes::new()).expect("a request")).await;
            assert!(answer.has_status(405).header(header::ALLOW).is_some(), "{answer:?}");
        }
        site.register(&json!({ "redirect_uris": ["https://app.example/cb"] })).await.has_status(201);
    }
}

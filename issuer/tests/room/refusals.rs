//! What is refused over HTTP: status, headers, and whether the log hears of it.

use axum::body::Body;
use http::Request;

use crate::browser::{Browser, VERIFIER, redeem, token};
use crate::site::Site;

#[tokio::test]
async fn oa_07_the_token_endpoint_takes_form_posts_only() {
    let site = Site::new().await;
    let get = site.send(Request::get("/t/acme/token?grant_type=authorization_code").body(Body::empty()).expect("a request")).await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    let json = Request::post("/t/acme/token").header("content-type", "application/json").body(Body::from("{}")).expect("a request");
    let json = site.send(json).await;
    assert_eq!((json.status, json.member("error").as_str()), (400, "invalid_request"));
    let long = Request::post("/t/acme/token").header("content-type", "application/x-www-form-urlencoded");
    let long = site.send(long.body(Body::from(vec![b'a'; 64 * 1024 + 1])).expect("a request")).await;
    assert_eq!((long.status, long.member("error").as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn oa_11_a_wrong_secret_by_basic_is_challenged() {
    let site = Site::new().await;
    let pairs = [("grant_type", "authorization_code"), ("code", "c"), ("code_verifier", VERIFIER)];
    let basic = token(&site, Some((site.reporter.as_str(), "wrong")), &pairs).await;
    assert_eq!((basic.status, basic.member("error").as_str()), (401, "invalid_client"));
    assert_eq!(basic.header("www-authenticate"), Some("Basic realm=\"acme\""));
    let posted = [pairs[0], pairs[1], pairs[2], ("client_id", site.reporter.as_str()), ("client_secret", "wrong")];
    let posted = token(&site, None, &posted).await;
    assert_eq!((posted.status, posted.header("www-authenticate")), (401, None));
    assert_eq!(site.events().await, ["registry_applied"], "whoever fails to authenticate is nobody");
}

#[tokio::test]
async fn oa_18_clients_in_browsers_may_ask_and_pages_are_not_for_them() {
    let site = Site::new().await;
    for address in ["/t/acme/token", "/t/acme/register", "/t/acme/jwks", "/.well-known/oauth-authorization-server/t/acme"] {
        let ask = Request::builder().method("OPTIONS").uri(address).header("origin", "https://app.example");
        let answer = site.send(ask.body(Body::empty()).expect("a request")).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("*")), "{address}");
        assert!(answer.header("access-control-allow-headers").expect("headers").contains("mcp-protocol-version"));
    }
    let page = Browser::default().asked(&site, &[]).await;
    assert_eq!((page.status, page.header("access-control-allow-origin")), (200, None));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
}

#[tokio::test]
async fn oa_01_oa_02_what_cannot_be_redirected_is_a_page() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    for changes in [[("client_id", "cli_nobody")], [("redirect_uri", "https://evil.example/cb")]] {
        let page = browser.asked(&site, &changes).await;
        assert_eq!((page.status, page.header("location")), (400, None));
    }
    let sent_back = browser.asked(&site, &[("code_challenge_method", "plain")]).await;
    assert_eq!(sent_back.redirected_with("error").as_deref(), Some("invalid_request"));
    assert_eq!(sent_back.redirected_with("iss").as_deref(), Some("https://gw.example.com/t/acme"));
    assert_eq!(site.events().await, ["registry_applied"]);
}

#[tokio::test]
async fn pk_04_a_wrong_verifier_burns_the_code() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    let code = browser.allows(&site, &[]).await.redirected_with("code").expect("a code");
    let other = "x".repeat(43);
    let pairs =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", &other), ("client_id", site.desk.as_str())];
    assert_eq!(token(&site, None, &pairs).await.member("error"), "invalid_grant");
    assert_eq!(redeem(&site, &code).await.member("error"), "invalid_grant");
    assert_eq!(site.events().await, ["registry_applied", "consent_given", "token_refused"]);
}

#[tokio::test]
async fn dr_02_a_bad_registration_is_refused_over_http() {
    let site = Site::new().await;
    let bad = Request::post("/t/acme/register").body(Body::from(r#"{"redirect_uris":["javascript:alert(1)"]}"#)).expect("a request");
    assert_eq!(site.send(bad).await.member("error"), "invalid_redirect_uri");
    let long = Request::post("/t/acme/register").body(Body::from(vec![b'{'; 64 * 1024 + 1])).expect("a request");
    assert_eq!(site.send(long).await.member("error"), "invalid_client_metadata");
}

#[tokio::test]
async fn md_05_a_tenant_that_is_closed_neither_offers_nor_takes_registrations() {
    let site = Site::new().await;
    site.apply("dynamic: open", "dynamic: closed").await;
    let register = Request::post("/t/acme/register").body(Body::from(r#"{"redirect_uris":["http://127.0.0.1/cb"]}"#)).expect("a request");
    assert_eq!(site.send(register).await.status, 404);
    let metadata = Request::get("/.well-known/oauth-authorization-server/t/acme").body(Body::empty()).expect("a request");
    assert!(site.send(metadata).await.json().get("registration_endpoint").is_none());
}

#[tokio::test]
async fn sb_06_every_redirect_is_a_303() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    assert_eq!(browser.asked(&site, &[("response_type", "token")]).await.status, 303);
    let page = browser.asked(&site, &[]).await.page();
    let sent = browser.answers(&site, &page, "approve").await;
    assert_eq!(sent.status, 303);
    assert_eq!(browser.comes_back(&site, &sent).await.status, 303);
}

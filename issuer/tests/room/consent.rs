//! Who may answer a consent page, and how often.

use std::time::Duration;

use crate::browser::Browser;
use crate::site::{Provider, Site};

#[tokio::test]
async fn sb_03_a_page_answered_twice_does_nothing_the_second_time() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    let page = browser.asked(&site, &[]).await.page();

    assert_eq!(browser.answers(&site, &page, "approve").await.status, 303);
    let again = browser.answers(&site, &page, "approve").await;

    assert_eq!((again.status, again.header("location")), (400, None));
    assert_eq!(site.provider.asked.lock().expect("asked").len(), 1);
    assert_eq!(browser.answers(&site, &page, "deny").await.status, 400);
}

#[tokio::test]
async fn sb_03_a_page_posted_from_another_browser_or_site_does_nothing() {
    let (site, mut browser, mut other) = (Site::new().await, Browser::default(), Browser::default());
    let page = browser.asked(&site, &[]).await.page();
    other.asked(&site, &[]).await;

    let answer = [("page", page.as_str()), ("decision", "approve")];
    for refused in [
        other.post(&site, "/t/acme/consent", &answer).await,
        Browser::default().post(&site, "/t/acme/consent", &answer).await,
        browser.post_from("https://evil.example", (&site, "/t/acme/consent"), &answer).await,
        browser.post_from("null", (&site, "/t/acme/consent"), &answer).await,
    ] {
        assert_eq!((refused.status, refused.header("location")), (400, None), "{}", refused.text);
    }
    assert!(site.provider.asked.lock().expect("asked").is_empty());
    assert_eq!(site.events().await, ["registry_applied"], "strangers fill no disk");
    assert_eq!(browser.answers(&site, &page, "approve").await.status, 303, "the page is still good for its browser");
}

#[tokio::test]
async fn sb_03_a_sign_in_is_resumed_once_and_in_its_own_browser() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    let page = browser.asked(&site, &[]).await.page();
    let sent = browser.answers(&site, &page, "approve").await;

    let stolen = Browser::default().comes_back(&site, &sent).await;
    assert_eq!((stolen.status, stolen.header("location")), (400, None));
    assert!(browser.comes_back(&site, &sent).await.redirected_with("code").is_some());
    let twice = browser.comes_back(&site, &sent).await;
    assert_eq!((twice.status, twice.header("location")), (400, None));
    assert_eq!(site.events().await, ["registry_applied", "sign_in_refused", "consent_given"]);
}

#[tokio::test]
async fn sb_04_a_known_session_is_asked_again_for_every_client() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    browser.allows(&site, &[]).await;

    let page = browser.asked(&site, &[]).await;
    assert!(page.text.contains("person: Some(\"alice\")"), "{}", page.text);
    let back = browser.answers(&site, &page.page(), "approve").await;

    assert!(back.redirected_with("code").is_some(), "no provider is asked");
    assert_eq!(site.provider.asked.lock().expect("asked").len(), 1);
}

#[tokio::test]
async fn somebody_else_than_the_page_named_is_asked_themselves() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    browser.allows(&site, &[]).await;
    let page = browser.asked(&site, &[]).await.page();
    site.clock.turn(Duration::from_secs(3600) - Duration::from_secs(1));
    let page = {
        drop(page);
        browser.asked(&site, &[]).await.page()
    };
    // Alice's session ends before she answers, and bob is the one who signs in.
    site.clock.turn(Duration::from_secs(2));
    *site.provider.next.lock().expect("next") = "bob";

    let sent = browser.answers(&site, &page, "approve").await;
    let again = browser.comes_back(&site, &sent).await;
    assert!(again.text.contains("person: Some(\"bob\")"), "{}", again.text);
    let back = browser.answers(&site, &again.page(), "approve").await;

    let code = back.redirected_with("code").expect("a code");
    let access = crate::browser::claims(&crate::browser::redeem(&site, &code).await.member("access_token"));
    assert_eq!(access["sub"], serde_json::json!(Provider::subject("bob")));
}

#[tokio::test]
async fn oa_04_a_no_goes_back_to_the_client() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    let page = browser.asked(&site, &[]).await.page();
    let back = browser.answers(&site, &page, "deny").await;
    assert_eq!(back.redirected_with("error").as_deref(), Some("access_denied"));
    assert_eq!((back.redirected_with("state").as_deref(), back.redirected_with("code")), (Some("s"), None));
    assert!(back.redirected_with("iss").is_some());
}

#[tokio::test]
async fn oa_22_an_old_page_does_nothing() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    let page = browser.asked(&site, &[]).await.page();
    site.clock.turn(Duration::from_secs(600));
    assert_eq!(browser.answers(&site, &page, "approve").await.status, 400);
}

#[tokio::test]
async fn oa_21_nobody_is_asked_where_nobody_may_be() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    let silent = browser.asked(&site, &[("prompt", "none")]).await;
    assert_eq!(silent.redirected_with("error").as_deref(), Some("login_required"));
    browser.allows(&site, &[]).await;
    let silent = browser.asked(&site, &[("prompt", "none")]).await;
    assert_eq!(silent.redirected_with("error").as_deref(), Some("consent_required"));
}

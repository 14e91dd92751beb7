//! The way through a sign-in, one stretch at a time, and what may not have happened on it.

use chancery_testkit::cast::{ALICE, IDENTITY_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::provider::TOKEN;
use chancery_testkit::{Answer, Ask, Browser, Site, people};
use http::header::SET_COOKIE;
use url::Url;

/// Where the provider sends people back to.
pub fn callback(site: &Site) -> Url {
    Url::parse(&site.endpoint(&format!("callback/{IDENTITY_PROVIDER}"))).expect("the site's own address")
}

/// Alice approves in this browser and signs in at the provider. Gives the address that the provider sends the browser to, not yet visited.
pub async fn answered(site: &Site, browser: &Browser) -> Url {
    answered_to(site, &site.ask(PUBLIC_CLIENT), browser).await
}

/// The same for any request.
pub async fn answered_to(site: &Site, ask: &Ask, browser: &Browser) -> Url {
    let page = ask.open(browser).await;
    people::go_on(browser, page, ALICE, true, &callback(site)).await.location()
}

/// The same address with a parameter so, or without it.
pub fn with(address: &Url, name: &str, value: Option<&str>) -> String {
    let kept = address.query_pairs().filter(|(known, _)| known != name);
    let pairs: Vec<(String, String)> = kept.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let mut altered = address.clone();
    altered.query_pairs_mut().clear().extend_pairs(pairs).extend_pairs(value.map(|value| (name, value)));
    altered.into()
}

/// From the callback's answer to the app, which gets its code.
pub async fn finished(site: &Site, browser: &Browser, answer: Answer) {
    let app = site.app(PUBLIC_CLIENT).redirect_uri;
    let answer = browser.follow(answer, |to| to.as_str().starts_with(&app)).await;
    site.ask(PUBLIC_CLIENT).code(&answer, ALICE).redeem().await.granted();
}

/// A page that says no: nobody is signed in by it, and it leads nowhere.
pub fn ended(answer: &Answer, status: u16, says: &str) {
    answer.has_status(status);
    assert!(answer.text().contains(says), "{says:?} is not told: {answer:?}");
    assert_eq!(answer.header(SET_COOKIE), None, "{answer:?}");
    assert_eq!((answer.header("x-frame-options"), answer.header("cache-control")), (Some("DENY"), Some("no-store")), "{answer:?}");
}

/// How many codes the site brought to the provider.
pub fn redeemed(site: &Site) -> usize {
    site.identity_provider().asked(TOKEN)
}

/// It was refused to nobody in particular: a number says so, and no row of its own.
pub async fn counted(site: &Site, row: &str, reason: &str) {
    site.summarise().await;
    let log = site.audit().await;
    assert!(log.of_kind("sign_in_refused").is_empty(), "{log:?}");
    let summary = log.of_kind("refusals_counted").into_iter().find(|event| event.fields.get("reason").is_some_and(|known| known == reason));
    let summary = summary.unwrap_or_else(|| panic!("{reason} was not counted: {log:?}"));
    assert_eq!(summary.fields.get("row").map_or("", String::as_str), row, "{summary:?}");
}

//! The provider ends a session, or a person's all, while they are on their way back from it: the code is redeemed, and nobody is signed in yet.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, BOB, IDENTITY_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::provider::TOKEN;
use chancery_testkit::{Answer, Browser, Site, claims};
use serde_json::{Value, json};

use crate::way::{answered, ended, finished};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Alice comes back, and while the provider's answer is on its way, it says that it ended what this makes of it.
async fn told_meanwhile(site: &Site, browser: &Browser, whose: impl Fn(&mut Value)) -> Answer {
    let given = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&given);
    let provider = site.identity_provider();
    provider.alter_json(TOKEN, move |answer| *keep.lock().expect("nobody panics") = answer["id_token"].as_str().map(str::to_owned));
    let back = answered(site, browser).await;
    let held = provider.hold(TOKEN);
    let meanwhile = async {
        held.comes().await;
        let about = given.lock().expect("nobody panics").take().expect("an ID token");
        tell(site, &about, whose).await;
        held.let_go();
    };
    tokio::join!(browser.get(back.as_str()), meanwhile).0
}

/// The provider says that it ended what this ID token is about.
async fn tell(site: &Site, about: &str, whose: impl Fn(&mut Value)) {
    let (id, now) = (claims(about), site.now().seconds());
    let mut all = json!({
        "iss": id["iss"], "aud": id["aud"], "sub": id["sub"], "sid": id["sid"],
        "iat": now, "exp": now + 120, "jti": format!("logout-{}", id["sid"]), "events": { EVENT: {} },
    });
    whose(&mut all);
    let forge = site.identity_provider().forge();
    let header = json!({ "typ": "logout+jwt", "alg": "ES256", "kid": forge.kid });
    let token = forge.signed(&header.to_string(), &all.to_string());
    let at = site.endpoint(&format!("backchannel-logout/{IDENTITY_PROVIDER}"));
    site.program().post(&at, &[("logout_token", &token)]).await.has_status(200);
}

async fn nobody_came_in(site: &Site, browser: &Browser, page: &Answer) {
    ended(page, 400, "said that it ended your session there");
    assert!(!site.ask(PUBLIC_CLIENT).open(browser).await.text().contains("is signed in"));
    let log = site.audit().await;
    let refused = log.of_kind("sign_in_refused");
    assert_eq!(refused.len(), 1, "{log:?}");
    assert_eq!((refused[0].fields["reason"].as_str(), refused[0].fields["row"].as_str()), ("logged out meanwhile", "BL-02"));
    assert!(log.of_kind("signed_in").is_empty(), "{log:?}");
}

chancery_testkit::both_stores! {
    async fn bl_02_a_session_that_ends_while_its_sign_in_is_under_way_signs_nobody_in(site: Site) {
        let browser = site.browser();

        let page = told_meanwhile(&site, &browser, |_| ()).await;

        nobody_came_in(&site, &browser, &page).await;
        // By another session of the provider's they come in, at once.
        let browser = site.browser();
        let back = answered(&site, &browser).await;
        let answer = browser.get(back.as_str()).await;
        finished(&site, &browser, answer).await;
    }

    async fn bl_02_a_person_whose_sessions_end_while_they_sign_in_is_not_signed_in(site: Site) {
        let browser = site.browser();

        let page = told_meanwhile(&site, &browser, |claims| drop(claims.as_object_mut().expect("an object").remove("sid"))).await;

        nobody_came_in(&site, &browser, &page).await;
        site.ask(PUBLIC_CLIENT).approved_by(BOB).await.redeem().await.granted();
        site.turn(Duration::from_secs(1));
        site.sign_in(ALICE, PUBLIC_CLIENT).await.call(BANK, "account_balance").await.answered();
    }

    async fn bl_02_the_end_of_another_s_session_signs_in_whoever_comes(site: Site) {
        let browser = site.browser();

        let answer = told_meanwhile(&site, &browser, |claims| claims["sid"] = json!("another")).await;

        finished(&site, &browser, answer).await;
        assert!(site.audit().await.of_kind("sign_in_refused").is_empty());
    }
}

//! The provider ends a session, or a person's all, while they sign in by it: at the provider, on their way back, or with the code redeemed and
//! nobody signed in yet.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, BOB, IDENTITY_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::provider::{TOKEN, id_token_header};
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

/// All of this person's.
fn of_person(claims: &mut Value) {
    drop(claims.as_object_mut().expect("an object").remove("sid"));
}

/// Alice is signed in elsewhere, and her ID tokens are so from now on; gives the one of there.
async fn elsewhere(site: &Site, change: impl Fn(&mut Value) + Send + Sync + 'static) -> String {
    let given = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&given);
    site.identity_provider().alter_id_token(move |mut claims, forge| {
        change(&mut claims);
        let token = forge.signed(&id_token_header(forge).to_string(), &claims.to_string());
        keep.lock().expect("nobody panics").get_or_insert(token.clone());
        token
    });
    site.sign_in(ALICE, PUBLIC_CLIENT).await;
    given.lock().expect("nobody panics").take().expect("an ID token")
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

        let page = told_meanwhile(&site, &browser, of_person).await;

        nobody_came_in(&site, &browser, &page).await;
        site.ask(PUBLIC_CLIENT).approved_by(BOB).await.redeem().await.granted();
        site.turn(Duration::from_secs(1));
        site.sign_in(ALICE, PUBLIC_CLIENT).await.call(BANK, "account_balance").await.answered();
    }

    async fn bl_02_by_a_session_that_ends_with_its_browser_still_on_the_way_nobody_comes_in(site: Site) {
        let about = elsewhere(&site, |claims| claims["sid"] = json!("theirs")).await;
        let (browser, other) = (site.browser(), site.browser());
        let back = answered(&site, &browser).await;
        let begun_by_another_node = site.ahead(Duration::from_secs(30), answered(&site, &other)).await;
        site.turn(Duration::from_secs(5));
        tell(&site, &about, |_| ()).await;
        site.turn(Duration::from_secs(5));

        // The provider still honours the code, and its ID token is younger than the logout.
        let page = browser.get(back.as_str()).await;

        ended(&page, 400, "said that it ended your session there");
        ended(&other.get(begun_by_another_node.as_str()).await, 400, "said that it ended your session there");
        // A provider that gives a name again means another session.
        site.turn(Duration::from_secs(61));
        let browser = site.browser();
        let back = answered(&site, &browser).await;
        let answer = browser.get(back.as_str()).await;
        finished(&site, &browser, answer).await;
    }

    async fn bl_02_whose_older_sessions_a_provider_ends_as_it_signs_them_in_comes_in(site: Site) {
        let now = site.now().seconds();
        let about = elsewhere(&site, move |claims| claims["iat"] = json!(now)).await;
        let browser = site.browser();
        let back = answered(&site, &browser).await;
        tell(&site, &about, |claims| {
            of_person(claims);
            claims["iat"] = json!(now); // the same second as in the ID token to come
        })
        .await;

        let answer = browser.get(back.as_str()).await;

        finished(&site, &browser, answer).await;
    }

    async fn bl_02_an_end_of_before_is_of_before_however_late_it_is_heard(site: Site) {
        let browser = site.browser();

        // As it is for a node whose clock is behind that of the one that heard it.
        let answer = told_meanwhile(&site, &browser, |claims| {
            of_person(claims);
            claims["iat"] = json!(claims["iat"].as_i64().expect("a number") - 7);
        })
        .await;

        finished(&site, &browser, answer).await;
        assert!(site.audit().await.of_kind("sign_in_refused").is_empty());
    }

    async fn bl_02_the_end_of_another_s_session_signs_in_whoever_comes(site: Site) {
        let browser = site.browser();

        let answer = told_meanwhile(&site, &browser, |claims| claims["sid"] = json!("another")).await;

        finished(&site, &browser, answer).await;
        assert!(site.audit().await.of_kind("sign_in_refused").is_empty());
    }
}

//! A provider that is not there, or is not what it was said to be.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, PUBLIC_CLIENT};
use chancery_testkit::provider::{KEYS, METADATA, Reply, TOKEN};
use chancery_testkit::{Answer, Site};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::way::{answered, counted, ended, redeemed};

/// What the app hears when a sign-in cannot even begin: nobody was sent to the provider.
async fn not_begun(site: &Site) -> Answer {
    let answer = site.ask(PUBLIC_CLIENT).answered(&site.browser(), ALICE, true).await;
    answer.sent_back("temporarily_unavailable");
    assert_eq!(site.identity_provider().asked("/authorize"), 0);
    answer
}

#[tokio::test]
async fn md_07_a_provider_s_metadata_of_another_issuer_begins_no_sign_in() {
    for other in ["https://attacker.example", "http://127.0.0.1:1/idp", ""] {
        let site = Site::on_sqlite().await;
        site.identity_provider().alter_json(METADATA, move |document| document["issuer"] = json!(other));
        not_begun(&site).await;
    }
    let site = Site::on_sqlite().await;
    let slash = |document: &mut Value| document["issuer"] = json!(format!("{}/", document["issuer"].as_str().expect("an issuer")));
    site.identity_provider().alter_json(METADATA, slash);
    not_begun(&site).await;
}

#[tokio::test]
async fn md_07_metadata_that_is_too_large_or_no_json_object_begins_no_sign_in() {
    let padded = |bytes: usize| {
        move |reply: Reply| {
            let body = String::from_utf8_lossy(&reply.body).into_owned();
            let padding = " ".repeat(bytes - body.len());
            reply.saying(body + &padding)
        }
    };
    let bodies: [fn(Reply) -> Reply; 4] = [
        |reply| reply.saying("<html>hello</html>"),
        |reply| reply.saying("[]"),
        |reply| reply.saying(""),
        |reply| reply.with_status(StatusCode::NOT_FOUND),
    ];
    for alteration in bodies {
        let site = Site::on_sqlite().await;
        site.identity_provider().alter(METADATA, alteration);
        not_begun(&site).await;
    }
    let site = Site::on_sqlite().await;
    site.identity_provider().alter(METADATA, padded(100_001));
    not_begun(&site).await;

    // One byte less is taken.
    let site = Site::on_sqlite().await;
    site.identity_provider().alter(METADATA, padded(100_000));
    site.sign_in(ALICE, PUBLIC_CLIENT).await;
}

#[tokio::test]
async fn md_07_metadata_is_not_fetched_from_where_a_redirect_points() {
    let site = Site::on_sqlite().await;
    site.identity_provider().alter(METADATA, |mut reply| {
        reply.headers.insert(header::LOCATION, HeaderValue::from_static("/idp/elsewhere"));
        reply.with_status(StatusCode::FOUND)
    });

    not_begun(&site).await;

    assert_eq!(site.identity_provider().asked("/elsewhere"), 0);
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_told_to_the_app_and_may_come_back() {
    let site = Site::on_sqlite().await;
    site.identity_provider().alter(METADATA, |reply| reply.with_status(StatusCode::SERVICE_UNAVAILABLE));

    let answer = not_begun(&site).await;

    assert!(answer.sent("error_description").is_some_and(|words| words.contains("try again")), "{answer:?}");
    site.identity_provider().alter(METADATA, |reply| reply);
    site.turn(Duration::from_secs(60)); // a failure is believed for five seconds from when it was learned
    site.sign_in(ALICE, PUBLIC_CLIENT).await;
}

#[tokio::test]
async fn a_provider_that_went_away_meanwhile_is_told_on_a_page() {
    let nobody_there = "http://127.0.0.1:1/token";
    let site = Site::on_sqlite().await;
    site.identity_provider().alter_json(METADATA, move |document| document["token_endpoint"] = json!(nobody_there));
    let browser = site.browser();
    let sent = answered(&site, &browser).await;

    let answer = browser.get(sent.as_str()).await;

    ended(&answer, 502, "cannot be reached");
    assert!(!answer.text().contains(nobody_there), "what went wrong inside is for the log: {answer:?}");
    counted(&site, "", "provider unreachable").await;
    // The code was burnt by trying, so a second visit does not try again.
    ended(&browser.get(sent.as_str()).await, 400, "finished before");
}

#[tokio::test]
async fn a_provider_that_stumbles_before_the_code_is_used_may_be_tried_again_by_the_same_page() {
    let site = Site::on_sqlite().await;
    site.identity_provider().alter(METADATA, |mut reply| {
        reply.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=0"));
        reply
    });
    let browser = site.browser();
    let sent = answered(&site, &browser).await;
    site.turn(Duration::from_secs(61)); // no copy of the metadata is that old
    site.identity_provider().alter(METADATA, |reply| reply.with_status(StatusCode::BAD_GATEWAY));
    ended(&browser.get(sent.as_str()).await, 502, "load this page again");
    assert_eq!(redeemed(&site), 0);

    site.identity_provider().alter(METADATA, |reply| reply);
    site.turn(Duration::from_secs(60));
    browser.get(sent.as_str()).await;

    assert_eq!(redeemed(&site), 1);
}

/// How the token endpoint answers, and what the page says then.
type Stumble = (fn(Reply) -> Reply, &'static str);

#[tokio::test]
async fn a_token_endpoint_s_answer_that_is_none_is_told_on_a_page() {
    let stumbles: [Stumble; 5] = [
        (|reply| reply.with_status(StatusCode::INTERNAL_SERVER_ERROR), "cannot be reached"),
        (|reply| reply.saying("<html>"), "do not fit together"),
        (|reply| reply.saying(r#"{"access_token":"a","token_type":"Bearer"}"#), "do not fit together"),
        (|reply| reply.with_status(StatusCode::UNAUTHORIZED).saying(r#"{"error":"invalid_client"}"#), "do not fit together"),
        (|reply| reply.saying(r#"{"error":"invalid_grant"}"#), "did not accept that code"),
    ];
    for (alteration, says) in stumbles {
        let site = Site::on_sqlite().await;
        site.identity_provider().alter(TOKEN, alteration);
        let browser = site.browser();
        let sent = answered(&site, &browser).await;

        let answer = browser.get(sent.as_str()).await;

        ended(&answer, 502, says);
        assert!(site.audit().await.of_kind("signed_in").is_empty());
    }
}

#[tokio::test]
async fn md_07_a_key_set_that_is_too_large_or_none_signs_nobody_in() {
    let bodies: [fn(Reply) -> Reply; 3] =
        [|reply| reply.saying("<html>"), |reply| reply.saying(r#"{"keys":[]}"#), |reply| reply.saying(" ".repeat(100_001))];
    for alteration in bodies {
        let site = Site::on_sqlite().await;
        site.identity_provider().alter(KEYS, alteration);
        let browser = site.browser();
        let sent = answered(&site, &browser).await;

        let answer = browser.get(sent.as_str()).await;

        ended(&answer, 502, "sign-in service");
        assert!(site.audit().await.of_kind("signed_in").is_empty());
    }
}

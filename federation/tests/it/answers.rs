//! Who answered (RFC 9207 §2.4, RFC 9700 §4.4): the table of `iss` advertised, present, equal; and the address it came to.

use chancery_testkit::cast::IDENTITY_PROVIDER;
use chancery_testkit::provider::METADATA;
use chancery_testkit::{Answer, Browser, Site};
use serde_json::json;
use url::Url;

use crate::way::{answered, counted, ended, finished, redeemed, with};

/// What the answer's `iss` is.
enum Iss {
    Missing,
    Equal,
    Is(&'static str),
    /// The right one with this behind it.
    With(&'static str),
}

/// A sign-in whose answer names this issuer, at a provider that does or does not say that it names itself.
async fn back(site: &Site, browser: &Browser, advertised: bool, iss: &Iss) -> Answer {
    let provider = site.identity_provider();
    provider.alter_json(METADATA, move |document| document["authorization_response_iss_parameter_supported"] = json!(advertised));
    let sent = answered(site, browser).await;
    let right = iss_of(&sent);
    let altered = match iss {
        Iss::Missing => with(&sent, "iss", None),
        Iss::Equal => sent.to_string(),
        Iss::Is(other) => with(&sent, "iss", Some(other)),
        Iss::With(more) => with(&sent, "iss", Some(&format!("{right}{more}"))),
    };
    browser.get(&altered).await
}

fn iss_of(sent: &Url) -> String {
    sent.query_pairs().find(|(name, _)| name == "iss").map(|(_, iss)| iss.into_owned()).expect("the provider names itself")
}

#[tokio::test]
async fn is_02_who_answers_by_the_table() {
    let goes = [(true, Iss::Equal), (false, Iss::Equal), (false, Iss::Missing)];
    for (advertised, iss) in goes {
        let site = Site::on_sqlite().await;
        let browser = site.browser();
        let answer = back(&site, &browser, advertised, &iss).await;
        finished(&site, &browser, answer).await;
    }

    let site = Site::on_sqlite().await;
    let answer = back(&site, &site.browser(), true, &Iss::Missing).await;
    ended(&answer, 400, "did not come from the sign-in service that was asked");
    assert_eq!(redeemed(&site), 0);
    counted(&site, "IS-02", "answer without issuer").await;
}

#[tokio::test]
async fn sb_05_an_answer_of_another_issuer_ends_the_sign_in_without_a_token_request() {
    // Nothing is normalised: a slash, a letter's case, a second value are another issuer.
    let others = [Iss::Is("https://attacker.example"), Iss::With("/"), Iss::With("?"), Iss::With(" "), Iss::Is("null")];
    for iss in others {
        for advertised in [true, false] {
            let site = Site::on_sqlite().await;
            let browser = site.browser();

            let answer = back(&site, &browser, advertised, &iss).await;

            ended(&answer, 400, "did not come from the sign-in service that was asked");
            assert_eq!(redeemed(&site), 0);
            counted(&site, "SB-05", "answer of another issuer").await;
        }
    }
}

#[tokio::test]
async fn sb_05_what_another_issuer_says_is_not_shown() {
    let site = Site::on_sqlite().await;
    let browser = site.browser();
    let sent = with(&answered(&site, &browser).await, "code", None);
    let sent = with(&sent.parse().expect("a URL"), "iss", Some("https://attacker.example"));

    let answer = browser.get(&format!("{sent}&error=access_denied&error_description=call+0900-666")).await;

    ended(&answer, 400, "did not come from the sign-in service that was asked");
    assert!(!answer.text().contains("0900") && !answer.text().contains("attacker.example"), "{answer:?}");
}

#[tokio::test]
async fn sb_05_an_answer_by_another_provider_s_address_is_refused() {
    let site = Site::on_sqlite().await;
    let browser = site.browser();
    // It does not name itself, so only its address tells it from the other.
    site.identity_provider().alter_json(METADATA, |document| document["authorization_response_iss_parameter_supported"] = json!(false));
    let sent = with(&answered(&site, &browser).await, "iss", None);
    site.apply(|file| {
        let mut other = file["identity_providers"][0].clone();
        other["name"] = json!("other");
        other["issuer"] = json!("http://127.0.0.1:1/other");
        file["identity_providers"].as_array_mut().expect("a list").push(other);
    })
    .await;

    let elsewhere = sent.replace(&format!("callback/{IDENTITY_PROVIDER}"), "callback/other");
    let answer = browser.get(&elsewhere).await;

    ended(&answer, 400, "did not come from the sign-in service that was asked");
    assert_eq!(redeemed(&site), 0);
    counted(&site, "SB-05", "another provider's address").await;
    ended(&browser.get(&sent).await, 400, "finished before");
}

#[tokio::test]
async fn sb_05_a_provider_that_was_exchanged_meanwhile_is_not_the_one_asked() {
    let site = Site::on_sqlite().await;
    let browser = site.browser();
    let sent = answered(&site, &browser).await;
    let issuer = iss_of(&sent).replace("127.0.0.1", "localhost");
    site.apply(|file| file["identity_providers"][0]["issuer"] = json!(issuer)).await;
    site.identity_provider().alter_json(METADATA, move |document| {
        document["issuer"] = json!(issuer);
        document["authorization_response_iss_parameter_supported"] = json!(false);
    });

    let answer = browser.get(&with(&sent, "iss", None)).await;

    ended(&answer, 400, "changed meanwhile");
    assert_eq!(redeemed(&site), 0);
    counted(&site, "SB-05", "provider changed").await;
}

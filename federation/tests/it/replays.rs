//! An answer is good once, for the sign-in it belongs to, and for ten minutes.

use std::time::Duration;

use chancery_testkit::Site;
use chancery_testkit::cast::PUBLIC_CLIENT;
use http::header::LOCATION;

use crate::way::{answered, counted, ended, finished, redeemed, with};

chancery_testkit::both_stores! {
    async fn mcp_1d_42_an_answer_is_good_once(site: Site) {
        let browser = site.browser();
        let sent = answered(&site, &browser).await;
        let back = browser.get(sent.as_str()).await;
        finished(&site, &browser, back).await;

        let again = browser.get(sent.as_str()).await;

        ended(&again, 400, "finished before");
        assert_eq!(redeemed(&site), 1);
        assert_eq!(site.audit().await.of_kind("signed_in").len(), 1);
    }

    async fn of_20_answers_at_once_one_is_taken(site: Site) {
        let browser = site.browser();
        let sent = answered(&site, &browser).await;

        let visits = (0..20).map(|_| {
            let (browser, sent) = (browser.clone(), sent.clone());
            tokio::spawn(async move { browser.get(sent.as_str()).await })
        });
        let mut went_on = Vec::new();
        for visit in visits.collect::<Vec<_>>() {
            let answer = visit.await.expect("an answer");
            if answer.headers.contains_key(LOCATION) {
                went_on.push(answer);
            } else {
                ended(&answer, 400, "finished before");
            }
        }

        assert_eq!(went_on.len(), 1);
        assert_eq!(redeemed(&site), 1);
        finished(&site, &browser, went_on.remove(0)).await;
        assert_eq!(site.audit().await.of_kind("signed_in").len(), 1);
    }
}

#[tokio::test]
async fn mcp_1d_42_an_answer_to_nothing_that_was_asked_is_refused() {
    let site = Site::on_sqlite().await;
    let browser = site.browser();
    let sent = answered(&site, &browser).await;

    for state in [None, Some(""), Some("of-my-own-making"), Some("' OR 1=1 --")] {
        let answer = browser.get(&with(&sent, "state", state)).await;
        ended(&answer, 400, "not known here");
    }
    let twice = browser.get(&format!("{sent}&state=another")).await;
    ended(&twice, 400, "ambiguous");

    assert_eq!(redeemed(&site), 0);
    assert_eq!(site.audit().await.of_kind("sign_in_refused").len(), 0, "a stranger cannot fill the log");
    let answer = browser.get(sent.as_str()).await;
    finished(&site, &browser, answer).await;
}

#[tokio::test]
async fn a_code_of_another_sign_in_signs_nobody_in() {
    let site = Site::on_sqlite().await;
    let (attacker, victim) = (site.browser(), site.browser());
    let of_the_attacker = answered(&site, &attacker).await;
    let of_the_victim = answered(&site, &victim).await;
    let code = of_the_attacker.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();

    let answer = victim.get(&with(&of_the_victim, "code", Some(&code))).await;

    // The provider compares the verifier with the challenge of the request that the code came from (PKCE).
    ended(&answer, 502, "did not accept that code");
    counted(&site, "", "code refused by the provider").await;
    assert!(site.audit().await.of_kind("signed_in").is_empty());
}

#[tokio::test]
async fn an_answer_after_ten_minutes_is_too_late() {
    let site = Site::on_sqlite().await;
    let browser = site.browser();
    let sent = answered(&site, &browser).await;
    site.turn(Duration::from_secs(600));

    let answer = browser.get(sent.as_str()).await;

    ended(&answer, 400, "took too long");
    assert_eq!(redeemed(&site), 0);
}

#[tokio::test]
async fn a_person_who_says_no_at_the_provider_reads_what_it_said() {
    let site = Site::on_sqlite().await;
    let browser = site.browser();
    let sent = with(&answered(&site, &browser).await, "code", None);

    let answer = browser.get(&format!("{sent}&error=access_denied&error_description=%3Cb%3Enot+today%3C%2Fb%3E")).await;

    ended(&answer, 400, "access_denied");
    assert!(!answer.text().contains("<b>not today"), "what a peer said is text, not a page: {answer:?}");
    assert_eq!(redeemed(&site), 0);
    counted(&site, "", "refused by the provider").await;
    assert!(site.ask(PUBLIC_CLIENT).open(&browser).await.status.is_success(), "and may try again");
}

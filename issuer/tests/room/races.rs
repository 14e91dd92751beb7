//! Fifty at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::browser::{Browser, redeem, refresh};
use crate::site::{Answer, Site};

const MANY: usize = 50;

async fn at_once<F, Fut>(site: &Arc<Site>, call: F) -> Vec<Answer>
where
    F: Fn(Arc<Site>) -> Fut,
    Fut: Future<Output = Answer> + Send + 'static,
{
    let calls: Vec<_> = (0..MANY).map(|_| tokio::spawn(call(Arc::clone(site)))).collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.expect("no panic"));
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn oa_08_of_fifty_redemptions_one_succeeds_and_then_its_tokens_end() {
    let site = Arc::new(Site::new().await);
    let code = Browser::default().allows(&site, &[]).await.redirected_with("code").expect("a code");

    let answers = at_once(&site, |site| {
        let code = code.clone();
        async move { redeem(&site, &code).await }
    });
    let (granted, refused): (Vec<_>, Vec<_>) = answers.await.into_iter().partition(|answer| answer.status == 200);

    assert_eq!(granted.len(), 1);
    assert!(refused.iter().all(|answer| answer.status == 400 && answer.member("error") == "invalid_grant"));
    let late = refresh(&site, &granted[0].member("refresh_token")).await;
    assert_eq!((late.status, late.member("error").as_str()), (400, "invalid_grant"));
    assert!(site.events().await.contains(&"authorization_code_replayed".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn oa_13_fifty_refreshes_of_one_token_get_one_successor() {
    let site = Arc::new(Site::new().await);
    let code = Browser::default().allows(&site, &[]).await.redirected_with("code").expect("a code");
    let first = redeem(&site, &code).await.member("refresh_token");

    let answers = at_once(&site, |site| {
        let first = first.clone();
        async move { refresh(&site, &first).await }
    });
    let answers = answers.await;

    assert!(answers.iter().all(|answer| answer.status == 200), "{:?}", answers.iter().find(|answer| answer.status != 200));
    let successors: BTreeSet<_> = answers.iter().map(|answer| answer.member("refresh_token")).collect();
    assert_eq!(successors.len(), 1);
    // One new generation: the successor is the newest, and its own successor is another.
    let second = successors.first().expect("a successor");
    assert_eq!(refresh(&site, second).await.status, 200);
}

#[tokio::test]
async fn oa_13_a_replayed_refresh_token_ends_its_family() {
    let site = Site::new().await;
    let code = Browser::default().allows(&site, &[]).await.redirected_with("code").expect("a code");
    let first = redeem(&site, &code).await.member("refresh_token");
    let second = refresh(&site, &first).await.member("refresh_token");
    let third = refresh(&site, &second).await.member("refresh_token");

    let replay = refresh(&site, &first).await;

    assert_eq!((replay.status, replay.member("error").as_str()), (400, "invalid_grant"));
    assert_eq!(refresh(&site, &third).await.member("error"), "invalid_grant");
    assert_eq!(site.events().await.last().map(String::as_str), Some("refresh_token_reused"));
}

#[tokio::test]
async fn oa_13_the_token_before_the_newest_is_good_for_a_minute() {
    let site = Site::new().await;
    let code = Browser::default().allows(&site, &[]).await.redirected_with("code").expect("a code");
    let first = redeem(&site, &code).await.member("refresh_token");
    let second = refresh(&site, &first).await.member("refresh_token");

    site.clock.turn(Duration::from_secs(59));
    assert_eq!(refresh(&site, &first).await.member("refresh_token"), second);
    site.clock.turn(Duration::from_secs(1));
    assert_eq!(refresh(&site, &first).await.member("error"), "invalid_grant");
    assert_eq!(refresh(&site, &second).await.member("error"), "invalid_grant");
}

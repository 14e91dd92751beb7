//! A database that says nothing any more, and one that hangs up: what is read over it, and what was told meanwhile.

use std::time::Duration;

use chancery_store::feed::Follower;
use chancery_store::{Change, Store, StoreError, Topic, Unit};
use tokio::time::{Instant, timeout};

use crate::feed::{entries, tell};
use crate::relay::Relay;
use crate::site::{Place, Site};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A site, and a node of it whose way to the database is in the test's hands.
async fn cut_off() -> Option<(Site, Relay, Store)> {
    let site = Site::postgres().await?;
    let Place::Server(database) = &site.place else { panic!("a PostgreSQL site is on a server") };
    let (relay, url) = Relay::to_database(&database.url()).await;
    let node = Store::open(&url.parse().expect("an address")).await.expect("the store opens");
    Some((site, relay, node))
}

/// Hears nothing for a while, in which something is told; gives what is heard after the database is back, and as of when.
async fn back_after(site: &Site, relay: &Relay, follower: &mut Follower) -> Vec<String> {
    let silent = timeout(Duration::from_secs(3), async { while follower.next().await.is_err() {} }).await;
    assert!(silent.is_err(), "no read succeeds, so nothing is said of any time");
    tell(&site.store, site, "missed").await;
    let told_at = Instant::now();
    relay.passes();

    let news = timeout(PATIENCE, follower.next()).await.expect("it comes back by itself").expect("nothing was lost");

    assert!(news.as_of >= told_at, "the first read that succeeds is of now, and brings all");
    news.entries.into_iter().map(|entry| entry.key).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_swallows_what_it_is_sent_is_known_to_be_lost_and_followed_when_it_is_back() {
    let Some((site, relay, node)) = cut_off().await else { return };
    let mut follower = Follower::start(&node).await.expect("a follower");
    tell(&site.store, &site, "before").await;
    entries(&mut follower).await;

    relay.swallows();

    assert_eq!(back_after(&site, &relay, &mut follower).await, ["missed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_up_is_known_to_be_lost_and_followed_when_it_is_back() {
    let Some((site, relay, node)) = cut_off().await else { return };
    let mut follower = Follower::start(&node).await.expect("a follower");
    let _ = follower.next().await.expect("nothing was lost");

    relay.hangs_up();

    assert_eq!(back_after(&site, &relay, &mut follower).await, ["missed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_of_a_database_that_says_nothing_ends_and_the_next_one_has_another_connection() {
    let Some((site, relay, node)) = cut_off().await else { return };
    let read = || async { chancery_store::repo::tenants::all(&node).await.map(drop) };
    read().await.expect("the store answers");
    let mut woken = node.listen();

    relay.swallows();
    let refused = timeout(PATIENCE, read()).await.expect("it ends");

    assert!(matches!(&refused, Err(StoreError::Unreachable(why)) if why.contains("said nothing")), "{refused:?}");
    relay.passes();
    timeout(PATIENCE, read()).await.expect("at once").expect("the store answers");

    // The connection that listens said nothing either, and was made anew: what is told wakes.
    let begun = Instant::now();
    loop {
        woken.mark_unchanged();
        let _ = site
            .store
            .commit(Unit { changes: vec![Change { topic: Topic::Client, key: String::new() }], ..Unit::new(site.tenant, vec![]) })
            .await
            .expect("the Unit commits");
        if timeout(Duration::from_secs(1), woken.changed()).await.is_ok() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "the listener is not back");
    }
}

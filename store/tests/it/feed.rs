//! The feed: everyone hears everything once, in spite of commits that overtake each other.

use std::time::Duration;

use chancery_store::feed::{Entry, Follower};
use chancery_store::{Change, Store, Topic, Unit, Write};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, timeout};

use crate::every_driver;
use crate::site::{Place, Site};

every_driver!(
    a_change_is_heard_at_once_and_once,
    every_node_hears_every_change,
    only_a_unit_with_changes_wakes_and_it_wakes_every_node,
    a_follower_that_starts_later_hears_what_is_recent,
    the_polling_is_not_counted_as_reads,
    a_topic_of_a_newer_version_is_passed_over,
);

/// Longer than anything takes that is waited for, also on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing must come where nothing is to come: more than two polls.
const A_WHILE: Duration = Duration::from_millis(1200);

pub async fn tell(store: &Store, site: &Site, key: &str) {
    let changes = vec![Change { topic: Topic::Client, key: key.to_owned() }];
    let _ = store.commit(Unit { changes, ..Unit::new(site.tenant, vec![]) }).await.expect("the Unit commits");
}

/// What is told next.
pub async fn entries(follower: &mut Follower) -> Vec<Entry> {
    loop {
        let news = follower.next().await.expect("nothing was lost");
        if !news.entries.is_empty() {
            return news.entries;
        }
    }
}

/// The next keys that are heard, in their order.
async fn heard(follower: &mut Follower) -> Vec<String> {
    let entries = timeout(PATIENCE, entries(follower)).await.expect("what was told is heard");
    entries.into_iter().map(|entry| entry.key).collect()
}

async fn a_change_is_heard_at_once_and_once(site: Site) {
    let mut follower = Follower::start(&site.store).await.expect("a follower");
    tell(&site.store, &site, "first").await;

    let entry = entries(&mut follower).await.remove(0);
    assert_eq!((entry.tenant, entry.topic, entry.key.as_str()), (site.tenant, Topic::Client, "first"));

    tell(&site.store, &site, "second").await;
    assert_eq!(heard(&mut follower).await, ["second"]);
    assert_eq!(timeout(A_WHILE, entries(&mut follower)).await.ok(), None, "once");
}

async fn every_node_hears_every_change(site: Site) {
    let nodes = [site.store.clone(), site.another_node().await];
    let mut followers = [Follower::start(&nodes[0]).await.expect("a follower"), Follower::start(&nodes[1]).await.expect("a follower")];

    let mut told: Vec<String> = Vec::new();
    for at in 0..20 {
        told.push(format!("{at:02}"));
        tell(&nodes[at % 2], &site, &told[at]).await;
    }

    for follower in &mut followers {
        let mut keys = Vec::new();
        while keys.len() < told.len() {
            keys.extend(entries(follower).await.into_iter().map(|entry| entry.key));
        }
        assert_eq!(keys, told);
    }
}

async fn only_a_unit_with_changes_wakes_and_it_wakes_every_node(site: Site) {
    let other = site.another_node().await;
    let mut wakes = [site.store.listen(), other.listen()];
    for wake in &mut wakes {
        listens(&site, wake).await;
    }
    for wake in &mut wakes {
        quiet(wake).await;
    }

    tell(&site.store, &site, "something").await;
    for wake in &mut wakes {
        timeout(PATIENCE, wake.changed()).await.expect("a wake").expect("an open store");
    }

    let _ =
        site.store.commit(Unit { leaves: vec![crate::site::leaf()], ..Unit::new(site.tenant, vec![]) }).await.expect("the Unit commits");
    assert!(timeout(A_WHILE, wakes[0].changed()).await.is_err());
}

/// Waits until the node listens: one that begins to wakes itself, and later one that is told something.
async fn listens(site: &Site, wake: &mut Receiver<u64>) {
    let begun = Instant::now();
    loop {
        tell(&site.store, site, "are you there?").await;
        if let Ok(woken) = timeout(Duration::from_secs(1), wake.changed()).await {
            return woken.expect("an open store");
        }
        assert!(begun.elapsed() < PATIENCE, "nobody listens");
    }
}

/// Waits until nothing wakes any more.
async fn quiet(wake: &mut Receiver<u64>) {
    while let Ok(woken) = timeout(A_WHILE, wake.changed()).await {
        woken.expect("an open store");
    }
}

async fn a_follower_that_starts_later_hears_what_is_recent(site: Site) {
    const OLD: &str = "UPDATE feed SET at = at - 60000";
    tell(&site.store, &site, "a minute ago").await;
    site.write([Write::any(OLD, vec![])]).await;
    tell(&site.store, &site, "just now").await;

    let mut follower = Follower::start(&site.store).await.expect("a follower");

    assert_eq!(heard(&mut follower).await, ["just now"]);
}

async fn the_polling_is_not_counted_as_reads(site: Site) {
    let mut follower = Follower::start(&site.store).await.expect("a follower");
    let before = site.store.reads();
    tell(&site.store, &site, "something").await;

    assert_eq!(heard(&mut follower).await, ["something"]);

    assert_eq!(site.store.reads(), before);
}

async fn a_topic_of_a_newer_version_is_passed_over(site: Site) {
    const NEWER: &str = "INSERT INTO feed (tenant, topic, key) VALUES ($1, 'horoscope', '')";
    let mut follower = Follower::start(&site.store).await.expect("a follower");
    site.write([Write::one(NEWER, vec![site.tenant.into()])]).await;
    tell(&site.store, &site, "known").await;

    assert_eq!(heard(&mut follower).await, ["known"]);
}

/// Sequence numbers are not the order of commits: one that was taken earlier can be committed later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_was_overtaken_is_heard_all_the_same() {
    let Some(site) = Site::postgres().await else { return };
    let Place::Server(database) = &site.place else { panic!("a PostgreSQL site is on a server") };
    let mut follower = Follower::start(&site.store).await.expect("a follower");
    let slow = database.hold(&format!("INSERT INTO feed (tenant, topic, key) VALUES ('{}', 'client', 'overtaken')", site.tenant));

    tell(&site.store, &site, "overtaking").await;
    assert_eq!(heard(&mut follower).await, ["overtaking"]);
    slow.commit();

    assert_eq!(heard(&mut follower).await, ["overtaken"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_were_cut_are_made_again() {
    let Some(site) = Site::postgres().await else { return };
    let Place::Server(database) = &site.place else { panic!("a PostgreSQL site is on a server") };
    let mut follower = Follower::start(&site.store).await.expect("a follower");
    tell(&site.store, &site, "before").await;
    assert_eq!(heard(&mut follower).await, ["before"]);

    database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
    tell(&site.store, &site, "after").await;

    assert_eq!(heard(&mut follower).await, ["after"]);
    let mut wake = site.store.listen();
    wake.mark_unchanged();
    listens(&site, &mut wake).await;
    quiet(&mut wake).await;
    heard(&mut follower).await;
    tell(&site.store, &site, "later").await;
    timeout(PATIENCE, wake.changed()).await.expect("the listener is back").expect("an open store");
    assert_eq!(heard(&mut follower).await, ["later"]);
}

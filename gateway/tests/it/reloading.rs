//! A node to which the database gives the feed and, for a while, not what the feed tells of: it hears of ends all the same.

use std::time::Duration;

use chancery_registry::config::{FeedConfig, WhenLost};
use chancery_store::Topic;
use chancery_testkit::Site;
use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::postgres::Locked;
use tokio::time::{Instant, timeout};

use crate::lost::{LOST_AFTER, stream, there};
use crate::upstream::{PATIENCE, Rest, Upstream};
use crate::wire::Coming;

/// Two nodes, an open stream at the second, and a table that hangs while both read it.
struct Scene {
    site: Site,
    grant: String,
    stream: (Coming, Rest),
    table: &'static str,
    held: Locked,
    hanging: Vec<String>,
}

impl Scene {
    async fn that_hangs(table: &'static str, topic: Topic, key: &str) -> Option<Self> {
        let site = Site::that_may_lose_its_feed(FeedConfig { lost_after: LOST_AFTER, then: WhenLost::Refuse }).await?;
        let mut upstream = Upstream::behind(&site, BANK).await;
        let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let stream = stream(&mut upstream, &there(&site, &alice)).await;
        let held = site.database().lock(table);
        site.tells(topic, key).await;
        let asked = Instant::now();
        let mut hanging = Vec::new();
        while hanging.len() < site.nodes().len() {
            assert!(asked.elapsed() < PATIENCE, "no node reads {table}");
            hanging = site.database().waiting_for(table);
        }
        let grant = alice.claims()["grants"][0].as_str().expect("a grant").to_owned();
        Some(Self { site, grant, stream, table, held, hanging })
    }

    /// Whether what hung at the beginning does so yet: it is given up after five seconds, and tried again.
    fn still_hangs(&self) -> bool {
        let waiting = self.site.database().waiting_for(self.table);
        self.hanging.iter().all(|hanging| waiting.contains(hanging))
    }

    /// What ends her grant says only that it is over: nothing has to be read for it.
    async fn end(&self) {
        self.site.tells(Topic::Ended, &format!("grant {} {}", self.site.now().millis(), self.grant)).await;
    }

    /// Whether its end was heard while the table hangs. On a machine that is busy with other tests that may take too long, so there is
    /// another scene where it did.
    async fn that_is_cut_meanwhile(table: &'static str, topic: Topic, key: &str) -> Option<Self> {
        for _ in 0..3 {
            let mut scene = Self::that_hangs(table, topic, key).await?;
            scene.end().await;
            let last = timeout(PATIENCE, scene.stream.0.piece()).await.expect("the stream goes on though it was ended");
            assert!(last.contains("authorize again"), "{last}");
            if scene.still_hangs() {
                return Some(scene);
            }
        }
        panic!("the end was heard only when what hung before it was given up");
    }

    async fn ready(&self) -> u16 {
        self.site.program().get(&format!("{}/ready", self.site.nodes()[1])).await.status.as_u16()
    }

    async fn says(&self, status: u16) {
        let asked = Instant::now();
        while self.ready().await != status {
            assert!(asked.elapsed() < PATIENCE, "it does not say {status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What was put off is done as soon as it can be, and not counted as done before.
    async fn makes_up_for_it(self) {
        let followed = timeout(Duration::from_millis(700), self.site.settle()).await;
        assert!(followed.is_err(), "it says that it has followed what it could not read");
        drop(self.held);
        self.site.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_an_end_is_heard_while_a_registry_is_slow_to_be_read() {
    let Some(scene) = Scene::that_is_cut_meanwhile("objects", Topic::Registry, "").await else { return };

    // Whatever else hangs, the node hears of ends, and says so.
    while scene.still_hangs() {
        assert_eq!(scene.ready().await, 200, "it says that it hears nothing, though it does");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    scene.makes_up_for_it().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_an_end_is_heard_while_others_are_slow_to_be_read_and_the_node_says_what_it_lacks() {
    let Some(scene) = Scene::that_is_cut_meanwhile("ended", Topic::ManyEnded, "0").await else { return };

    // It does not know of all ends, and cannot until it has read them.
    scene.says(503).await;
    assert_eq!(scene.ready().await, 503, "it stays so");
    let site = scene.site.clone();
    scene.makes_up_for_it().await;
    let ready = site.program().get(&format!("{}/ready", site.nodes()[1])).await;
    ready.has_status(200);
}

//! A node that hears nothing from its database says so, does with tokens what it was told, and goes on by itself when there is news: then
//! it knows what it missed before it says that it is ready.

use std::time::Duration;

use chancery_registry::config::{FeedConfig, WhenLost};
use chancery_testkit::cast::{ALICE, BANK, BOB, PUBLIC_CLIENT};
use chancery_testkit::{Answer, Mcp, Revocable, Site, Tokens};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::upstream::{Heard, PATIENCE, Rest, Upstream};
use crate::wire::{self, Coming, call};

pub const LOST_AFTER: Duration = Duration::from_secs(3);

struct Scene {
    site: Site,
    upstream: Upstream,
    alice: Tokens,
    bob: Tokens,
    /// Of each, at the second node.
    streams: [(Coming, Rest); 2],
}

impl Scene {
    /// Everything is well, and both have an open stream at the second node.
    async fn that(then: WhenLost) -> Option<Self> {
        let site = Site::that_may_lose_its_feed(FeedConfig { lost_after: LOST_AFTER, then }).await?;
        let mut upstream = Upstream::behind(&site, BANK).await;
        let (alice, bob) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(BOB, PUBLIC_CLIENT).await);
        let (hers, his) = (stream(&mut upstream, &there(&site, &alice)).await, stream(&mut upstream, &there(&site, &bob)).await);
        let scene = Self { site, upstream, alice, bob, streams: [hers, his] };
        let ready = scene.ready().await.has_status(200).json();
        assert!(ready["ready"] == true && ready["feed"]["lost"] == false && ready["upstreams"]["resting"] == 0, "{ready}");
        Some(scene)
    }

    /// What the second node says of itself.
    async fn ready(&self) -> Answer {
        self.site.program().get(&format!("{}/ready", self.site.nodes()[1])).await
    }

    /// Asks until it says so.
    async fn says(&self, status: u16) -> Answer {
        let asked = Instant::now();
        loop {
            let answer = self.ready().await;
            if answer.status.as_u16() == status {
                return answer;
            }
            assert!(asked.elapsed() < PATIENCE, "it does not say {status}: {answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// It is not ready, with the reason.
    async fn is_lost(&self) {
        let told = self.says(503).await;
        let said = told.json();
        let unheard = said["why"].as_str().and_then(|why| why.split_once("was not heard for ")?.1.split_once(" s"));
        let unheard = unheard.and_then(|(seconds, _)| seconds.parse::<u64>().ok());
        assert!(unheard.is_some_and(|seconds| seconds >= LOST_AFTER.as_secs()), "{said}");
        assert!(said["feed"]["lag_seconds"].as_f64().is_some_and(|lag| lag >= LOST_AFTER.as_secs_f64()), "{said}");
        assert_eq!((&said["feed"]["lost"], told.header(RETRY_AFTER)), (&json!(true), Some("1")));
        self.site.program().get(&format!("{}/ready", self.site.nodes()[0])).await.has_status(200);
    }

    /// Her grant ends elsewhere, and the database is back. When the node says that it is ready it knows, though nobody asked it before.
    async fn comes_back(&mut self) {
        let grant = self.alice.claims()["grants"][0].as_str().expect("a grant").to_owned();
        self.site.revoke_unheard(Revocable::Grant, &grant).await;
        self.site.relay().passes();

        self.says(200).await;
        let (hers, his) = (there(&self.site, &self.alice), there(&self.site, &self.bob));
        self.upstream.left_alone(hers.send("tools/list", json!({}))).await.challenged("invalid_token");
        let call = his.send("tools/call", json!({ "name": "account_balance" }));
        self.upstream.answers(call, Heard::done).await.answered();
    }
}

pub fn there(site: &Site, tokens: &Tokens) -> Mcp {
    tokens.mcp(BANK).at_node(&site.nodes()[1])
}

pub async fn stream(upstream: &mut Upstream, mcp: &Mcp) -> (Coming, Rest) {
    let message = call("account_balance", &json!({}));
    let (mut coming, rest) = tokio::join!(wire::post(mcp, &message), async { upstream.heard().await.streams() });
    rest.text(": begun\n\n").await;
    assert_eq!(coming.piece().await, ": begun\n\n");
    (coming, rest)
}

async fn refuses_and_comes_back(mut scene: Scene) {
    scene.is_lost().await;

    let refused = scene.upstream.left_alone(there(&scene.site, &scene.bob).send("tools/list", json!({}))).await;
    let error = refused.denied(503);
    assert_eq!((&error["data"]["reason"], refused.0.header(RETRY_AFTER)), (&json!("feed_lost"), Some("1")));
    assert_eq!(refused.0.header(WWW_AUTHENTICATE), None, "another token would not help");
    let mut nobody = there(&scene.site, &scene.bob);
    nobody.token = Some("garbage".to_owned());
    nobody.send("tools/list", json!({})).await.challenged("invalid_token");
    scene.upstream.answers(scene.bob.mcp(BANK).send("tools/list", json!({})), Heard::done).await.answered();
    for (coming, rest) in &mut scene.streams {
        rest.text(": unseen\n\n").await;
        assert!(timeout(Duration::from_millis(700), coming.next()).await.is_err(), "nothing passes");
    }

    scene.comes_back().await;

    let [(hers, her_rest), (his, _his_rest)] = &mut scene.streams;
    let last = hers.piece().await;
    assert!(last.contains("authorize again") && !last.contains("unseen"), "{last}");
    assert!(hers.next().await.is_none(), "a proper end");
    her_rest.gone().await;
    assert_eq!(his.piece().await, ": unseen\n\n", "nothing of his was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_a_node_whose_database_swallows_all_refuses_and_comes_back() {
    let Some(scene) = Scene::that(WhenLost::Refuse).await else { return };
    scene.site.relay().swallows();
    refuses_and_comes_back(scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_a_node_whose_database_hangs_up_refuses_and_comes_back() {
    let Some(scene) = Scene::that(WhenLost::Refuse).await else { return };
    scene.site.relay().hangs_up();
    refuses_and_comes_back(scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_a_node_that_is_told_to_serve_all_the_same_says_so_and_serves() {
    let Some(mut scene) = Scene::that(WhenLost::Serve).await else { return };
    scene.site.relay().swallows();
    scene.is_lost().await;

    let hers = there(&scene.site, &scene.alice);
    scene.upstream.answers(hers.send("tools/list", json!({})), Heard::done).await.answered();
    for (coming, rest) in &mut scene.streams {
        rest.text(": seen\n\n").await;
        assert_eq!(coming.piece().await, ": seen\n\n");
    }

    scene.comes_back().await;
}

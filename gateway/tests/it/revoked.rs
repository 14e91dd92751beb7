//! One switch ends it, by whatever name: streams that are open are cut on every node within a second, with a proper end, and whoever
//! comes again is refused. Nobody else notices.

use std::time::Duration;

use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, BOB, PUBLIC_CLIENT, TENANT};
use chancery_testkit::{Mcp, Revocable, Site, Tokens};
use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::upstream::{Heard, PATIENCE, Rest, Upstream};
use crate::wire::{self, Coming, call};

/// What is promised. A machine that is busy with other tests may be late with one of the six, hardly twice, and hardly with most.
const PROMISED: Duration = Duration::from_secs(1);

/// The six names, and what bears each in a token or in the log.
const NAMES: [Revocable; 6] =
    [Revocable::Subject, Revocable::Agent, Revocable::Client, Revocable::Grant, Revocable::Session, Revocable::Key];

/// An open stream that answers a call, and one that a GET opened; both ends.
struct Streams {
    mcp: Mcp,
    called: (Coming, Rest),
    opened: (Coming, Rest),
}

impl Streams {
    async fn of(upstream: &mut Upstream, mcp: Mcp) -> Self {
        let message = call("account_balance", &json!({}));
        let called = tokio::join!(wire::post(&mcp, &message), async { begun(upstream.heard().await).await });
        let opened = tokio::join!(wire::get(&mcp), async {
            let heard = upstream.heard().await;
            assert_eq!(heard.method, Method::GET);
            begun(heard).await
        });
        let mut streams = Self { mcp, called, opened };
        for coming in [&mut streams.called.0, &mut streams.opened.0] {
            assert_eq!(coming.response.status(), 200);
            assert_eq!(coming.piece().await, ": begun\n\n");
        }
        streams
    }

    /// Both have been brought to an end, the call's with an error that answers it; the upstream knows, and what comes next is refused.
    async fn are_cut(mut self, upstream: &mut Upstream) {
        let last = self.called.0.piece().await;
        assert!(last.contains("\"id\":1") && last.contains("\"reason\":\"grant_ended\"") && last.contains("authorize again"), "{last}");
        for (coming, rest) in [&mut self.called, &mut self.opened] {
            assert!(coming.next().await.is_none(), "a proper end");
            rest.gone().await;
        }
        for _ in 0..2 {
            upstream.left_alone(self.mcp.send("tools/list", json!({}))).await.challenged("invalid_token");
        }
    }

    async fn go_on(&mut self, upstream: &mut Upstream) {
        for (coming, rest) in [&mut self.called, &mut self.opened] {
            rest.text(": still here\n\n").await;
            assert_eq!(coming.piece().await, ": still here\n\n");
        }
        upstream.answers(self.mcp.send("tools/list", json!({})), Heard::done).await.answered();
    }
}

async fn begun(heard: Heard) -> Rest {
    let rest = heard.streams();
    rest.text(": begun\n\n").await;
    rest
}

async fn id_of(site: &Site, kind: Revocable, tokens: &Tokens) -> String {
    let claims = tokens.claims();
    let named = match kind {
        Revocable::Subject => &claims["sub"],
        Revocable::Agent => &claims["agent"],
        Revocable::Client => &claims["client_id"],
        Revocable::Grant => &claims["grants"][0],
        Revocable::Session => {
            let log = site.audit().await;
            return log.of_kind("signed_in").last().expect("she signed in").fields["session"].clone();
        }
        _ => &site.program().get(&site.endpoint("jwks")).await.has_status(200).json()["keys"][0]["kid"],
    };
    named.as_str().unwrap_or_else(|| panic!("no {kind:?}: {claims}")).to_owned()
}

/// Streams at this node end as the first node is told. Gives how long that took.
async fn ends(site: &Site, upstream: &mut Upstream, kind: Revocable, node: &str) -> Duration {
    let bob = site.sign_in(BOB, PUBLIC_CLIENT).await;
    let alice = site.sign_in(ALICE, AGENT_CLIENT).await;
    let id = id_of(site, kind, &alice).await;
    let mut others = Streams::of(upstream, bob.mcp(BANK).at_node(node)).await;
    let hers = Streams::of(upstream, alice.mcp(BANK).at_node(node)).await;

    let asked = Instant::now();
    let took = async {
        for (_, rest) in [&hers.called, &hers.opened] {
            rest.gone().await; // it is let go of as the client is
        }
        asked.elapsed()
    };
    let (took, ()) = tokio::join!(took, site.revoke_unheard(kind, &id));

    hers.are_cut(upstream).await;
    if kind == Revocable::Key {
        // It signed everybody's. Another has taken its place, and nobody must sign in again.
        others.are_cut(upstream).await;
        let jwks = site.program().get(&format!("{node}/t/{TENANT}/jwks")).await.has_status(200).json();
        assert!(!jwks.to_string().contains(&id) && jwks["keys"][0]["kid"].is_string(), "{jwks}");
        site.settle().await;
        others = Streams::of(upstream, bob.refresh().await.granted().mcp(BANK).at_node(node)).await;
    }
    others.go_on(upstream).await;
    site.turn(Duration::from_secs(2)); // whoever comes back later is welcome
    took
}

async fn each_name_ends_it(site: Site) {
    let mut upstream = Upstream::behind(&site, BANK).await;
    let node = site.nodes().last().expect("a node").clone();
    let (mut tried, mut late) = (Vec::new(), Vec::new());
    for kind in NAMES {
        let mut in_time = false;
        for _ in 0..2 {
            if in_time {
                break;
            }
            let took = timeout(PATIENCE, ends(&site, &mut upstream, kind, &node)).await;
            let took = took.unwrap_or_else(|_| panic!("{kind:?} ends nothing"));
            println!("{kind:?}: {} ms", took.as_millis());
            tried.push(kind);
            in_time = took < PROMISED;
        }
        late.extend((!in_time).then_some(kind));
    }
    // On a machine that is busy with other tests one or the other may be late; that a look comes in time is shown where the clock stands still.
    assert!(late.len() <= NAMES.len() / 2, "most of them take longer than they may: {late:?}");
    let log = site.audit().await;
    assert_eq!(log.of_kind("revoked").len(), tried.len());
    let cut = log.of_kind("call_closed").iter().filter(|event| event.fields.get("outcome").is_some_and(|how| how == "cut")).count();
    assert_eq!(cut, tried.len() + tried.iter().filter(|kind| **kind == Revocable::Key).count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_each_name_ends_streams_where_it_is_told() {
    each_name_ends_it(Site::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_each_name_ends_streams_at_another_node() {
    if let Some(site) = Site::cluster(2).await {
        each_name_ends_it(site).await;
    }
}

/// Over HTTP/2 a client says how much it takes. It may ask for a stream and close its window: nobody asks for more of the answer then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_an_answer_that_nobody_takes_is_cut_too() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let id = id_of(&site, Revocable::Grant, &alice).await;
    let (mcp, message) = (alice.mcp(BANK), call("account_balance", &json!({})));
    let asking = wire::post_and_take_nothing(&mcp, &message);
    let (coming, rest) = tokio::join!(asking, async { begun(upstream.heard().await).await });
    assert_eq!(coming.response.status(), 200);

    let asked = Instant::now();
    site.revoke(Revocable::Grant, &id).await.expect("it is known");
    timeout(PATIENCE, rest.gone()).await.expect("it goes on though it was ended");
    println!("{} ms", asked.elapsed().as_millis());

    let log = site.audit().await;
    assert_eq!(log.of_kind("call_closed").last().expect("it was closed").fields["outcome"], "cut");
    drop(coming); // it has waited all the while
}

/// A tool whose call is not answered yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_an_answer_that_begins_after_the_end_is_shown() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let id = id_of(&site, Revocable::Grant, &alice).await;
    let mcp = alice.mcp(BANK);
    let message: Value = call("account_balance", &json!({}));

    let asking = tokio::spawn(async move { wire::post(&mcp, &message).await });
    let heard = upstream.heard().await;
    site.revoke(Revocable::Grant, &id).await.expect("it is known");
    let rest = heard.streams();
    let mut coming = asking.await.expect("it is answered");
    let last = coming.piece().await;
    assert!(last.contains("authorize again"), "{last}");
    assert!(coming.next().await.is_none());
    rest.gone().await;
}

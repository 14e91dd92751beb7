//! A server that stops while it asks identity providers: what they say for somebody is waited for.

use std::sync::Arc;
use std::time::Duration;

use chancery_core::SystemClock;
use chancery_testkit::cast::{ALICE, IDENTITY_PROVIDER, TENANT};
use chancery_testkit::idp_sim::{Endpoint, Fault, IdpSim, Profile};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::app::App;
use crate::process::{Running, free_port};
use crate::served::{Served, server};

/// Longer than any machine takes to do anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A site whose people sign in at a simulated provider.
async fn served(profile: Profile, change: impl FnOnce(&mut Value)) -> (Served, IdpSim) {
    let port = free_port();
    let base = format!("http://127.0.0.1:{port}");
    let callback = format!("{base}/t/{TENANT}/callback/{IDENTITY_PROVIDER}");
    let sim = IdpSim::start(profile, Arc::new(SystemClock), &[&callback]).await;
    let served = Served::at(base, server(port, "sqlite:data/chancery.db"), |file| {
        file["identity_providers"] = json!([sim.declared(IDENTITY_PROVIDER)]);
        change(file);
    });
    (served.await, sim)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("it never came about: {what}"));
}

async fn ended(mut server: Running) {
    let ended = tokio::task::spawn_blocking(move || server.wait());
    let ended = tokio::time::timeout(PATIENCE, ended).await.expect("it ends").expect("it is waited for");
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sb_08_what_a_provider_says_as_the_server_stops_is_written_though_nobody_waits_for_it() {
    let (served, sim) = served(Profile::okta(), |file| file["lifetimes"]["recheck"] = json!("1s")).await;
    let mut server = served.serve();
    let app = App::registered_at(&served.base).await;
    let mut tokens = app.redeem(&app.approved_by(ALICE).await).await;
    let before = sim.asked(Endpoint::Token).len();
    let (answers, held) = watch::channel(false);
    sim.fault(Endpoint::Token, Fault::Held(held)); // it rotates, and does not say to what
    let refreshing = tokio::spawn(async move {
        loop {
            tokens = app.refresh(&tokens).await;
        }
    });
    until("the provider is asked again", || sim.asked(Endpoint::Token).len() > before).await;

    refreshing.abort();
    server.signal("TERM");
    server.logs("waiting for identity providers");
    answers.send_replace(true);

    ended(server).await;
    let log = served.audit();
    assert_eq!(log.iter().filter(|event| event["kind"] == "rechecked").count(), 1, "{log:#?}");
}

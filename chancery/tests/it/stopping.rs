//! A server that stops while it asks identity providers: what they say for somebody is waited for, and what is only tidied up is not.

use std::sync::Arc;
use std::time::Duration;

use chancery_core::SystemClock;
use chancery_store::{Store, StoreUrl, Unit, Write, repo};
use chancery_testkit::cast::{ALICE, IDENTITY_PROVIDER, SECRET_REF, TENANT};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_waits_for_no_provider_that_is_to_forget_clients() {
    const CLIENTS: usize = 9; // each DELETE that is not answered lasts ten seconds
    let (served, sim) = served(Profile::auth0(), |file| {
        file["registration"]["proxy"] = json!({ "provider": IDENTITY_PROVIDER, "credential": SECRET_REF });
    })
    .await;
    let server = served.serve();
    for _ in 0..CLIENTS {
        App::registered_at(&served.base).await;
    }
    assert_eq!(sim.registered().len(), CLIENTS);
    server.signal("TERM");
    ended(server).await;
    leave_behind(&served).await;

    sim.fault(Endpoint::Register, Fault::Silent);
    let before = sim.asked(Endpoint::Register).len();
    let server = served.serve();
    until("the provider is to forget them", || sim.asked(Endpoint::Register).len() > before).await;
    server.signal("TERM");

    ended(server).await;
    assert!(sim.asked(Endpoint::Register).len() < before + CLIENTS, "it did not go through with it");
}

/// As though the clients had ended long ago.
async fn leave_behind(served: &Served) {
    let file = served.folder.path().join("data/chancery.db");
    let store = Store::open(&StoreUrl::sqlite(file)).await.expect("a store");
    let tenants = repo::tenants::all(&store).await.expect("the store answers");
    let writes = ["DELETE FROM clients", "UPDATE enrolments SET tried_at = 0"].map(|sql| Write::any(sql, Vec::new()));
    let _receipt = store.commit(Unit::new(tenants.first().expect("a tenant").id, writes.into())).await.expect("the store obeys");
    store.close().await;
}

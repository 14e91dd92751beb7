//! What was acknowledged is there after kill -9.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use chancery_core::{EventId, TenantId};
use chancery_store::repo::events;
use chancery_store::repo::grants::{self, Grant};
use chancery_store::{Store, StoreUrl, Unit};
use tokio::time::{Instant, sleep, timeout};

use crate::every_driver;
use crate::site::{Place, Site, leaf};

every_driver!(nothing_acknowledged_is_missing_after_kill_9, a_commit_that_was_begun_is_finished_whoever_stops_waiting);

const ADDRESS: &str = "CHANCERY_TEST_CHILD_STORE";
const TENANT: &str = "CHANCERY_TEST_CHILD_TENANT";
const ENOUGH: usize = 300;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn nothing_acknowledged_is_missing_after_kill_9(site: Site) {
    site.store.close().await;
    let address = match &site.place {
        crate::site::Place::Folder(folder) => format!("sqlite:{}", folder.0.join("chancery.db").display()),
        crate::site::Place::Server(database) => database.url(),
    };

    let tenant = site.tenant.to_string();
    let acknowledged =
        tokio::task::spawn_blocking(move || kill_a_child_that_commits(&address, &tenant)).await.expect("the child was killed");

    let store = Store::open(&site.url).await.expect("the store opens after its writer was killed");
    let found = events::after(&store, &site.tenant, None, u32::MAX).await.expect("events");
    let found: BTreeSet<EventId> = found.into_iter().map(|event| event.id).collect();
    assert!(acknowledged.len() >= ENOUGH);
    assert!(acknowledged.is_subset(&found), "{} of {} are missing", acknowledged.difference(&found).count(), acknowledged.len());
    let _ = store.commit(Unit { leaves: vec![leaf()], ..Unit::new(site.tenant, vec![]) }).await.expect("and it goes on");
}

/// Every id that the child said was committed, up to its last breath.
fn kill_a_child_that_commits(address: &str, tenant: &str) -> BTreeSet<EventId> {
    let this_test = std::env::current_exe().expect("a test has a file");
    let mut child = Command::new(this_test)
        .args(["--exact", "durability::child_that_commits_until_it_is_killed", "--ignored", "--nocapture"])
        .env(ADDRESS, address)
        .env(TENANT, tenant)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts again");
    let said = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut acknowledged = BTreeSet::new();
    for line in said {
        if let Some(id) = line.strip_prefix("committed ") {
            acknowledged.insert(id.parse().expect("an id"));
        }
        if acknowledged.len() == ENOUGH {
            child.kill().expect("kill -9");
        }
    }
    assert!(!child.wait().expect("it is gone").success());
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other half of the test that kills it"]
async fn child_that_commits_until_it_is_killed() {
    let set = |name| std::env::var(name).expect("the parent says where");
    let url: StoreUrl = set(ADDRESS).parse().expect("an address");
    let tenant: TenantId = set(TENANT).parse().expect("an id");
    let store = Store::open(&url).await.expect("the store opens");
    let writers = (0..8).map(|_| async {
        loop {
            let leaf = leaf();
            let id = leaf.id;
            let _ = store.commit(Unit { leaves: vec![leaf], ..Unit::new(tenant, vec![]) }).await.expect("the Unit commits");
            println!("committed {id}");
        }
    });
    futures_util::future::join_all(writers).await;
}

async fn a_commit_that_was_begun_is_finished_whoever_stops_waiting(site: Site) {
    let grants: Vec<Grant> = (0..100).map(|_| site.grant()).collect();
    for grant in &grants {
        let commit = site.commit([grants::insert(grant)]);
        let _ = timeout(Duration::from_micros(200), commit).await;
    }

    for grant in &grants {
        let _ = site.commit([grants::insert(grant)]).await; // if it had not even begun
        let found = grants::by_id(&site.store, &site.tenant, &grant.id).await.expect("a read");
        assert!(found.is_some());
    }
}

/// What another transaction holds up is under way, and a server that stops waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_what_was_begun() {
    let Some(site) = Site::postgres().await else { return };
    let Place::Server(database) = &site.place else { panic!("a PostgreSQL site is on a server") };
    let (writing, closing) = (site.store.clone(), site.store.clone());
    let unit = Unit { leaves: vec![leaf()], ..Unit::new(site.tenant, vec![]) };
    let events = database.lock("events");

    let begun = tokio::spawn(async move { writing.commit(unit).await.map(drop) });
    let asked = Instant::now();
    while database.waiting_for("events").is_empty() {
        assert!(asked.elapsed() < PATIENCE, "it does not begin");
        sleep(Duration::from_millis(20)).await;
    }
    let mut closing = tokio::spawn(async move { closing.close().await });
    timeout(Duration::from_millis(500), &mut closing).await.expect_err("it closes what is in use");
    drop(events);

    timeout(PATIENCE, closing).await.expect("it closes in the end").expect("no panic");
    assert_eq!(timeout(PATIENCE, begun).await.expect("it was waited for").expect("no panic"), Ok(()));
}

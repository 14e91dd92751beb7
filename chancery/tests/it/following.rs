//! `audit tail --follow --server`, while more comes at once than one page of the admin API has.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chancery_audit::{Draft, Journal};
use chancery_core::{Entropy, Event, EventId, Field, Kind};
use chancery_crypto::random::SystemRng;
use chancery_store::repo;
use chancery_testkit::cast::ALICE;
use chancery_testkit::{Folder, Site};

use crate::login::{ALL, logged_in};
use crate::process::Running;

/// Several pages.
const MANY: usize = 1_600;

/// That many events of one moment, and one a moment later that says this; gives their ids.
async fn come(site: &Site, last: &str) -> Vec<EventId> {
    let tenant = repo::tenants::all(site.store()).await.expect("the store answers").first().expect("a tenant").id;
    let event = || Event::new(Kind::TokenIssued, tenant, site.now(), &mut Entropy::draw(&SystemRng));
    let mut events: Vec<Event> = std::iter::repeat_with(event).take(MANY).collect();
    site.turn(Duration::from_millis(1));
    events.push(event().with(Field::Reason, last));
    let ids = events.iter().map(|event| event.id).collect();
    let draft = Draft { events, ..Draft::default() };
    let _receipt = Journal::new(site.store().clone(), Arc::new(SystemRng)).commit(&tenant, draft).await.expect("it is written");
    ids
}

/// What was said holds each of these once, and nothing twice.
fn holds_once(said: &str, ids: &[EventId]) {
    let mut seen = BTreeSet::new();
    for line in said.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("one event a line");
        let id = event["id"].as_str().expect("an id").to_owned();
        assert!(seen.insert(id), "it came twice: {line}");
    }
    let lost = ids.iter().filter(|id| !seen.contains(&id.to_string())).count();
    assert_eq!(lost, 0, "of {} events", ids.len());
}

chancery_testkit::both_stores! {
    async fn more_than_a_page_at_once_is_shown_to_whoever_follows(site: Site) {
        site.gives_administration(ALL).await;
        let folder = Folder::new();
        logged_in(&site, &folder, ALICE, &[]).await;
        let follow = ["audit", "tail", "--follow", "--json", "--server", site.base()];
        let mut tail = Running::start(&folder, &follow, "registry_applied");

        let mut ids = come(&site, "the first load is over").await;
        tail.says("the first load is over");
        ids.extend(come(&site, "the second load is over").await);
        tail.says("the second load is over");

        holds_once(&tail.said(), &ids);
        let first = ids[0].to_string();
        let mut tail = Running::start(&folder, &[&follow[..], &["--after", &first]].concat(), "token_issued");
        tail.says("the second load is over");
        holds_once(&tail.said(), &ids[MANY..]);
    }
}

//! The log over a real store: what was committed is read back, what was erased is gone, what was altered is called so.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chancery_audit::{CommitError, Counter, Counters, Draft, Journal, Write, tail};
use chancery_core::{Entropy, Event, Field, Kind, TenantId, Timestamp};
use chancery_crypto::random::SystemRng;
use chancery_store::{Store, StoreUrl, Unit, repo};

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

/// A store in a folder of its own, which goes with it.
struct Log {
    store: Store,
    journal: Journal,
    tenant: TenantId,
    folder: PathBuf,
}

impl Log {
    async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("chancery-audit-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        let store = Store::open(&StoreUrl::sqlite(folder.join("chancery.db"))).await.expect("a new store");
        let tenant = TenantId::mint(NOW, &mut Entropy::draw(&SystemRng));
        let journal = Journal::new(store.clone(), Arc::new(SystemRng));
        Self { store, journal, tenant, folder }
    }

    fn event(&self, kind: Kind, millis: i64) -> Event {
        let at = Timestamp::from_millis(NOW.millis() + millis);
        Event::new(kind, self.tenant, at, &mut Entropy::draw(&SystemRng))
    }

    async fn alter(&self, write: Write) {
        let unit = Unit::new(self.tenant, vec![write]);
        let _receipt = self.store.commit(unit).await.expect("a write past the journal");
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// More than one page of what is read ahead.
const BETWEEN: i64 = 600;

#[tokio::test]
async fn a_call_that_has_no_end_in_the_log_reads_unknown() {
    let log = Log::new().await;
    let [ended, lost] = [1, 2].map(|at| log.event(Kind::CallOpened, at));
    let closed = log.event(Kind::CallClosed, BETWEEN + 10).with(Field::Opened, ended.id).with(Field::Outcome, "answered");
    let between = (0..BETWEEN).map(|at| log.event(Kind::TokenIssued, 3 + at));
    let events: Vec<Event> = [ended.clone(), lost.clone()].into_iter().chain(between).chain([closed]).collect();
    let first = events[0].id;
    let _receipt = log.journal.commit(&log.tenant, Draft { events, ..Draft::default() }).await.expect("a commit");

    let outcomes = |entries: Vec<chancery_audit::Entry>| -> Vec<_> {
        entries.into_iter().filter(|entry| entry.kind == "call_opened").map(|entry| (entry.id, entry.outcome)).collect()
    };
    let all = tail(&log.store, &log.tenant, None, 1000).await.expect("a read");
    assert_eq!(outcomes(all), [(ended.id, None), (lost.id, Some("unknown"))]);
    // A page that ends before the close does not take it for missing.
    let page = tail(&log.store, &log.tenant, Some(first), 3).await.expect("a read");
    assert_eq!(outcomes(page), [(lost.id, Some("unknown"))]);
    let before = chancery_core::EventId::mint(Timestamp::from_millis(NOW.millis() - 1), &mut Entropy::draw(&SystemRng));
    let page = tail(&log.store, &log.tenant, Some(before), 2).await.expect("a read");
    assert_eq!(outcomes(page), [(ended.id, None), (lost.id, Some("unknown"))]);
}

#[tokio::test]
async fn what_was_committed_is_read_back_oldest_first() {
    let log = Log::new().await;
    let events = [log.event(Kind::SignedIn, 1), log.event(Kind::ConsentGiven, 2), log.event(Kind::TokenIssued, 3)];
    for event in &events {
        let draft = Draft::default().recording(event.clone().with(Field::Subject, "usr_1").with(Field::Row, "OA-08"));
        let _receipt = log.journal.commit(&log.tenant, draft).await.expect("a commit");
    }

    let newest = tail(&log.store, &log.tenant, None, 2).await.expect("a read");
    assert_eq!(newest.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["consent_given", "token_issued"]);
    assert_eq!(newest[0].field(Field::Subject), Some("usr_1"));
    assert_eq!(newest[0].at, events[1].at);

    let next = tail(&log.store, &log.tenant, Some(events[0].id), 1).await.expect("a read");
    assert_eq!(next, newest[..1]);

    let stranger = TenantId::mint(NOW, &mut Entropy::draw(&SystemRng));
    assert_eq!(tail(&log.store, &stranger, None, 9).await.expect("a read"), []);
}

#[tokio::test]
async fn an_entry_is_one_flat_object_without_nulls() {
    let log = Log::new().await;
    let event = log.event(Kind::SignedIn, 0).with(Field::Outcome, "ok").with(Field::Subject, "usr_1");
    let id = event.id;
    let _receipt = log.journal.commit(&log.tenant, Draft::default().recording(event)).await.expect("a commit");

    let entries = tail(&log.store, &log.tenant, None, 1).await.expect("a read");
    let text = serde_json::to_string(&entries[0]).expect("an entry has a JSON form");
    let wanted = format!(r#"{{"id":"{id}","kind":"signed_in","at":1764000000000,"fields":{{"subject":"usr_1","outcome":"ok"}}}}"#);
    assert_eq!(text, wanted);
}

#[tokio::test]
async fn a_failed_guard_leaves_no_event() {
    let log = Log::new().await;
    let impossible = repo::events::erase(&log.tenant, &log.event(Kind::SignedIn, 0).id);
    let draft = Draft::default().writing(impossible).recording(log.event(Kind::SignedIn, 0));
    assert_eq!(log.journal.commit(&log.tenant, draft).await, Err(CommitError::GuardFailed(0)));
    assert_eq!(tail(&log.store, &log.tenant, None, 9).await.expect("a read"), []);
}

#[tokio::test]
async fn erased_values_are_gone_and_altered_ones_are_not_shown() {
    let log = Log::new().await;
    let (erased, altered) = (log.event(Kind::SignedIn, 1), log.event(Kind::SignedIn, 2));
    let ids = (erased.id, altered.id);
    let draft = Draft::default().recording(erased.with(Field::Subject, "usr_1")).recording(altered.with(Field::Subject, "usr_2"));
    let _receipt = log.journal.commit(&log.tenant, draft).await.expect("a commit");

    log.alter(repo::events::erase(&log.tenant, &ids.0)).await;
    const SWAP: &str = "UPDATE events SET kind = 'token_issued' WHERE tenant = $1 AND id = $2";
    log.alter(Write::one(SWAP, vec![log.tenant.into(), ids.1.into()])).await;

    let entries = tail(&log.store, &log.tenant, None, 9).await.expect("a read");
    assert_eq!((entries[0].erased, entries[0].fields.len(), entries[0].trouble.as_deref()), (1, 0, None));
    assert!(entries[1].trouble.is_some() && entries[1].fields.is_empty());
}

#[tokio::test]
async fn counts_become_one_event_each_and_start_again() {
    let log = Log::new().await;
    let counters = Counters::new();
    let refusal = Counter { endpoint: "gateway", reason: "expired_token", row: "AT-01" };
    for _ in 0..3 {
        counters.count(Some(log.tenant), refusal);
    }
    counters.count(None, refusal);

    assert_eq!(counters.summarise(&log.journal, NOW).await, 0);
    assert_eq!(counters.summarise(&log.journal, NOW).await, 0);

    let entries = tail(&log.store, &log.tenant, None, 9).await.expect("a read");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].kind, "refusals_counted");
    let shown = [Field::Endpoint, Field::Reason, Field::Row, Field::Count].map(|field| entries[0].field(field));
    assert_eq!(shown, [Some("gateway"), Some("expired_token"), Some("AT-01"), Some("3")]);
}

#[tokio::test]
async fn counts_that_could_not_be_written_are_kept() {
    let log = Log::new().await;
    let counters = Counters::new();
    let refusal = Counter { endpoint: "token", reason: "unknown_client", row: "OA-11" };
    counters.count(Some(log.tenant), refusal);
    log.store.close().await;

    assert_eq!(counters.summarise(&log.journal, NOW).await, 1);

    let store = Store::open(&StoreUrl::sqlite(log.folder.join("chancery.db"))).await.expect("the same store");
    let journal = Journal::new(store.clone(), Arc::new(SystemRng));
    assert_eq!(counters.summarise(&journal, NOW).await, 0);
    let entries = tail(&store, &log.tenant, None, 9).await.expect("a read");
    assert_eq!(entries[0].field(Field::Count), Some("1"));
}

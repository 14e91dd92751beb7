use std::path::PathBuf;

use chancery_core::{Entropy, EventId, TenantId, Timestamp};
use chancery_crypto::random::SystemRng;

use super::*;
use crate::LeafRow;
use crate::sqlite::open;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The writer's thread, run by hand.
fn writer() -> (Thread, Folder) {
    let folder = Folder(std::env::temp_dir().join(format!("chancery-writer-{}", EventId::mint(NOW, &mut Entropy::draw(&SystemRng)))));
    let path = folder.0.join("chancery.db");
    drop(open::lock_folder(&path).expect("a lock"));
    let (connection, inbox, wake) = (open::writer(&path).expect("a database"), mpsc::channel(1).1, watch::channel(0).0);
    (Thread { connection, inbox, wake }, folder)
}

/// A Unit with an event of this size.
fn event(bytes: usize) -> Unit {
    let mut entropy = Entropy::draw(&SystemRng);
    let id = EventId::mint(NOW, &mut entropy);
    let leaf = LeafRow { id, kind: "signed_in", at: NOW, leaf: vec![7; bytes], values: vec![] };
    Unit { leaves: vec![leaf], ..Unit::new(TenantId::mint(NOW, &mut entropy), vec![]) }
}

fn count(thread: &Thread, sql: &str) -> i64 {
    thread.connection.query_row(sql, [], |row| row.get(0)).expect("a number")
}

#[test]
fn commits_wait_for_the_disk() {
    let (thread, _folder) = writer();
    const FULL: i64 = 2;
    assert_eq!(count(&thread, "PRAGMA synchronous"), FULL);
}

#[test]
fn a_full_disk_is_told_to_whom_it_concerns_and_the_rest_is_written() {
    let (thread, _folder) = writer();
    let pages = count(&thread, "PRAGMA page_count") + 8;
    count(&thread, &format!("PRAGMA max_page_count = {pages}"));

    let group = vec![event(100), event(1_000_000), event(100)];
    let acknowledged = match thread.together(group) {
        Ok(outcomes) => {
            let Err(CommitError::Unavailable(error)) = &outcomes[1] else { panic!("it does not fit: {outcomes:?}") };
            assert!(error.to_string().contains("the disk is full"), "{error}");
            outcomes.iter().filter(|outcome| outcome.is_ok()).count()
        }
        Err(error) => {
            assert!(error.to_string().contains("the disk is full"), "{error}");
            0
        }
    };

    assert_eq!(count(&thread, "SELECT count(*) FROM events"), i64::try_from(acknowledged).expect("few"));
    count(&thread, "PRAGMA max_page_count = 1000000");
    assert!(thread.together(vec![event(1_000_000)]).expect("a commit")[0].is_ok());
}

#[test]
fn a_long_log_is_written_back_when_nobody_waits() {
    let (thread, _folder) = writer();
    thread.checkpoint("PRAGMA wal_checkpoint(PASSIVE)");
    thread.together(vec![event(1_000_000)]).expect("a commit");
    thread.write_log_back();
    assert!(thread.checkpoint("PRAGMA wal_checkpoint(NOOP)") > 200, "short enough to be left");

    thread.together((0..5).map(|_| event(1_000_000)).collect()).expect("a commit");
    assert!(thread.checkpoint("PRAGMA wal_checkpoint(NOOP)") > LOG_WORTH_WRITING_BACK);
    thread.write_log_back();

    assert_eq!(thread.checkpoint("PRAGMA wal_checkpoint(NOOP)"), 0);
}

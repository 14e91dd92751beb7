use std::path::PathBuf;

use chancery_core::{Entropy, EventId, Timestamp};
use chancery_crypto::random::SystemRng;
use rusqlite::StatementStatus;

use super::*;
use crate::repo::families::WITH_GRANT;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn database() -> (PathBuf, Folder) {
    let name = EventId::mint(Timestamp::from_millis(1_764_000_000_000), &mut Entropy::draw(&SystemRng));
    let folder = Folder(std::env::temp_dir().join(format!("chancery-readers-{name}")));
    let path = folder.0.join("chancery.db");
    drop(open::lock_folder(&path).expect("a lock"));
    drop(open::writer(&path).expect("a database"));
    (path, folder)
}

fn texts(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| Value::from(*text)).collect()
}

#[test]
fn no_statement_is_parsed_again_for_what_is_bound_to_it() {
    const LIMITED: &str = "SELECT tenant, id FROM events WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3";
    let (path, _folder) = database();
    let connection = open::reader(&path).expect("a reader");
    let parsed_again = |sql: &str| {
        let statement = connection.prepare_cached(&bind::numbered(sql)).expect("a statement");
        statement.get_status(StatementStatus::RePrepare)
    };
    for number in 0..10_i64 {
        let name = number.to_string();
        read(&connection, WITH_GRANT, &texts(&["tenant", &name]), 1).expect("a read");
        read(&connection, LIMITED, &[texts(&["tenant", &name]), vec![Value::Int(number)]].concat(), usize::MAX).expect("a read");
    }
    assert_eq!((parsed_again(WITH_GRANT), parsed_again(LIMITED)), (0, 0));
}

#[tokio::test]
async fn a_row_is_read_whoever_is_busy() {
    let (path, _folder) = database();
    let readers = Readers::start(&path).expect("readers");
    let one = || async { readers.first("SELECT 7", vec![]).await.expect("a read").expect("a row").int().expect("a number") };
    assert_eq!(one().await, 7);

    let mut all: Vec<_> = (0..readers.threads).map(|_| readers.idle.one()).collect();
    let waiting = one();
    let freed = async {
        tokio::task::yield_now().await;
        all.pop();
    };
    assert_eq!(tokio::join!(waiting, freed).0, 7, "a thread reads it as soon as one is free");
    drop(all);

    readers.close().await;
    assert!(matches!(readers.first("SELECT 7", vec![]).await, Err(StoreError::Closed)));
}

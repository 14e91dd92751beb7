use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::*;
use crate::{CommitError, Driver, Receipt, Unit, Value};

#[test]
fn a_node_that_starts_begins_as_far_back_as_it_would_look_again() {
    assert!(START.ends_with(&format!("- {}", OVERLAP.as_millis())));
}

/// A database that holds a feed, and does not answer while it is down.
#[derive(Clone, Default)]
struct Database(Arc<Mutex<Feed>>);

#[derive(Default)]
struct Feed {
    down: bool,
    committed: Vec<i64>,
}

impl Database {
    /// A follower that has heard of everything up to `heard`.
    async fn followed(heard: &[i64]) -> (Self, Follower) {
        let database = Self::default();
        let mut follower = Follower::start(&Store::of(Arc::new(database.clone()))).await.expect("a follower");
        database.set(false, heard);
        assert_eq!(numbers(&mut follower).await, Ok(heard.to_vec()));
        (database, follower)
    }

    fn set(&self, down: bool, committed: &[i64]) {
        *self.0.lock().expect("no test panics here") = Feed { down, committed: committed.to_vec() };
    }
}

impl Driver for Database {
    fn query(&self, sql: &'static str, values: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        let feed = self.0.lock().expect("no test panics here");
        let read = match (feed.down, values.as_slice()) {
            (true, _) => Err(StoreError::Unreachable("down".to_owned())),
            (false, [Value::Int(from)]) => Ok(feed.committed.iter().filter(|seq| *seq >= from).map(|seq| row(*seq)).collect()),
            (false, _) => {
                assert_eq!(sql, START);
                Ok(vec![Row::new(values![0_i64])])
            }
        };
        async { read }.boxed()
    }

    fn commit(&self, _: Unit) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        async { Err(StoreError::Closed.into()) }.boxed()
    }

    fn listen(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

fn row(seq: i64) -> Row {
    Row::new(values![seq, "ten_019ab697e80070008000000000000001", "ended", "", 0_i64])
}

async fn numbers(follower: &mut Follower) -> Result<Vec<i64>, Lost> {
    let heard = async {
        loop {
            let entries = follower.next().await?.entries;
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
    };
    let entries: Vec<Entry> = timeout(Duration::from_secs(30), heard).await.unwrap_or(Ok(Vec::new()))?;
    Ok(entries.into_iter().map(|entry| entry.seq).collect())
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_was_overtaken_while_nothing_could_be_read_is_heard() {
    let (database, mut follower) = Database::followed(&[6]).await;

    database.set(true, &[5, 6]);
    assert_eq!(numbers(&mut follower).await, Ok(vec![]), "nothing, for longer than the overlap");

    database.set(false, &[5, 6]);
    assert_eq!(numbers(&mut follower).await, Ok(vec![5]));
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_long_ago_is_not_read_again() {
    let (database, mut follower) = Database::followed(&[1, 2]).await;
    assert_eq!(numbers(&mut follower).await, Ok(vec![]));
    assert_eq!((follower.settled, follower.handed_on.len()), (2, 0));

    database.set(false, &[2, 3]);
    assert_eq!(numbers(&mut follower).await, Ok(vec![3]));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_cut_off_until_entries_were_deleted_is_told_so() {
    let (database, mut follower) = Database::followed(&[1, 2]).await;

    database.set(true, &[9]);
    assert_eq!(numbers(&mut follower).await, Ok(vec![]));
    database.set(false, &[9]);

    assert_eq!(numbers(&mut follower).await, Err(Lost));
    assert_eq!(numbers(&mut follower).await, Err(Lost), "it stays lost");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_brings_nothing_still_says_as_of_when_all_is_known() {
    let (database, mut follower) = Database::followed(&[1]).await;
    let quiet = follower.next().await.expect("it is not lost");
    assert_eq!((quiet.entries.len(), quiet.as_of), (0, Instant::now()));

    database.set(true, &[1]);
    let silent = timeout(Duration::from_secs(5), follower.next()).await;
    assert!(silent.is_err(), "a database that does not answer says nothing of any time");

    database.set(false, &[1, 2]);
    let again = follower.next().await.expect("it is not lost");
    assert_eq!(again.entries.len(), 1);
    assert!(again.as_of.duration_since(quiet.as_of) >= Duration::from_secs(5));
}

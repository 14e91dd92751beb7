//! PostgreSQL only: Units that wait for each other's rows. On SQLite one writes at a time.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use chancery_store::repo::grants::{self, Grant};
use chancery_store::{CommitError, Receipt, StoreError, Write};
use tokio::time::{sleep, timeout};

use crate::site::{NOW, Place, Site};

const A_MOMENT: Duration = Duration::from_millis(300);

/// Two grants whose rows somebody outside can hold.
struct Rows {
    site: Site,
    left: Grant,
    right: Grant,
}

impl Rows {
    async fn new() -> Option<Arc<Self>> {
        let site = Site::postgres().await?;
        let (left, right) = (site.grant(), site.grant());
        site.write([grants::insert(&left), grants::insert(&right)]).await;
        Some(Arc::new(Self { site, left, right }))
    }

    fn alive(&self, grant: &Grant) -> Write {
        grants::alive(&self.site.tenant, &grant.id, NOW)
    }

    fn sql(&self, sql: &str) -> String {
        let Place::Server(database) = &self.site.place else { panic!("a PostgreSQL site is on a server") };
        database.sql(sql)
    }

    /// Holds a row from outside for some seconds.
    fn hold(self: &Arc<Self>, grant: &Grant, seconds: f32) -> JoinHandle<String> {
        let lock = format!("BEGIN; SELECT 1 FROM grants WHERE id = '{}' FOR UPDATE; SELECT pg_sleep({seconds}); ROLLBACK", grant.id);
        let rows = self.clone();
        std::thread::spawn(move || rows.sql(&lock))
    }

    async fn commit(self: Arc<Self>, writes: Vec<Write>) -> Result<Receipt, CommitError> {
        self.site.commit(writes).await
    }

    fn open_transactions(&self) -> String {
        self.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_units_in_a_deadlock_both_get_through() {
    let Some(rows) = Rows::new().await else { return };
    let (left_right, right_left) =
        (vec![rows.alive(&rows.left), rows.alive(&rows.right)], vec![rows.alive(&rows.right), rows.alive(&rows.left)]);
    let holder = rows.hold(&rows.left, 1.5);
    sleep(A_MOMENT).await;

    // The first waits for the left row; the second takes the right one and waits behind it: once the holder goes, each has what the other wants.
    let first = tokio::spawn(rows.clone().commit(left_right));
    sleep(A_MOMENT).await;
    let second = tokio::spawn(rows.clone().commit(right_left));

    assert!(first.await.expect("a task").is_ok());
    assert!(second.await.expect("a task").is_ok());
    holder.join().expect("the holder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_open_by_who_stops_waiting() {
    let Some(rows) = Rows::new().await else { return };
    let holder = rows.hold(&rows.left, 1.0);
    sleep(A_MOMENT).await;

    let commit = rows.clone().commit(vec![rows.alive(&rows.left)]);
    timeout(A_MOMENT, commit).await.expect_err("the row is held");
    tokio::task::spawn_blocking(|| holder.join()).await.expect("a task").expect("the holder");
    sleep(A_MOMENT).await;

    assert_eq!(rows.open_transactions().trim(), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_lasts_no_longer_than_the_feed_counts_on() {
    let Some(rows) = Rows::new().await else { return };
    // No statement waits for five seconds, but together they would.
    let holders = [rows.hold(&rows.left, 3.0), rows.hold(&rows.right, 6.0)];
    sleep(A_MOMENT).await;
    let late = grants::end(&rows.site.tenant, &rows.left.id, NOW, "too late");

    let slow = rows.clone().commit(vec![late, rows.alive(&rows.right)]).await;

    let Err(CommitError::Unavailable(StoreError::Unreachable(why))) = slow else { panic!("{slow:?}") };
    assert!(why.contains("more than 5 seconds"), "{why}");
    for holder in holders {
        tokio::task::spawn_blocking(|| holder.join()).await.expect("a task").expect("the holder");
    }
    sleep(A_MOMENT).await;
    assert_eq!(rows.open_transactions().trim(), "0");
    let left = grants::by_id(&rows.site.store, &rows.site.tenant, &rows.left.id).await.expect("a read").expect("the grant");
    assert!(left.is_alive(NOW), "nothing of it was written");
}

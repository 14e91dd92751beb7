//! PostgreSQL only: Units that wait for each other's rows. On SQLite one writes at a time.

use std::sync::Arc;
use std::time::Duration;

use chancery_core::{ClientId, SubjectId};
use chancery_store::reap::reap;
use chancery_store::repo::grants::{self, Grant};
use chancery_store::repo::{approvals, clients, ended, logged_out, vouchers};
use chancery_store::{CommitError, Receipt, StoreError, Write};
use tokio::time::{Instant, sleep};

use crate::postgres::{Database, Locked};
use crate::site::{MINUTE, NOW, Place, Site, fresh};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
const OPEN: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()";

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

    fn database(&self) -> &Database {
        let Place::Server(database) = &self.site.place else { panic!("a PostgreSQL site is on a server") };
        database
    }

    /// Holds a row from outside.
    fn hold(&self, grant: &Grant) -> Locked {
        self.database().hold(&format!("SELECT 1 FROM grants WHERE id = '{}' FOR UPDATE", grant.id))
    }

    /// Waits until this counts so many.
    async fn until(&self, count: &str, so_many: usize) {
        let begun = Instant::now();
        while self.database().sql(count).trim() != so_many.to_string() {
            assert!(begun.elapsed() < PATIENCE, "never {so_many}: {count}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn commit(self: Arc<Self>, writes: Vec<Write>) -> Result<Receipt, CommitError> {
        self.site.commit(writes).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_units_in_a_deadlock_both_get_through() {
    let Some(rows) = Rows::new().await else { return };
    let (left_right, right_left) =
        (vec![rows.alive(&rows.left), rows.alive(&rows.right)], vec![rows.alive(&rows.right), rows.alive(&rows.left)]);
    let left = rows.hold(&rows.left);

    // The first waits for the left row; the second takes the right one and waits behind it: once the holder goes, each has what the other wants.
    let first = tokio::spawn(rows.clone().commit(left_right));
    rows.until(WAITING, 1).await;
    let second = tokio::spawn(rows.clone().commit(right_left));
    rows.until(WAITING, 2).await;
    drop(left);

    assert!(first.await.expect("a task").is_ok());
    assert!(second.await.expect("a task").is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_open_by_who_stops_waiting() {
    let Some(rows) = Rows::new().await else { return };
    let left = rows.hold(&rows.left);
    let commit = tokio::spawn(rows.clone().commit(vec![rows.alive(&rows.left)]));
    rows.until(WAITING, 1).await;

    commit.abort();
    assert!(commit.await.is_err_and(|error| error.is_cancelled()), "the row is held");
    drop(left);

    rows.until(OPEN, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_lasts_no_longer_than_the_feed_counts_on() {
    let Some(rows) = Rows::new().await else { return };
    // No statement waits for five seconds, but together they would.
    let (left, right) = (rows.hold(&rows.left), rows.hold(&rows.right));
    let late = grants::end(&rows.site.tenant, &rows.left.id, NOW, "too late");

    let slow = tokio::spawn(rows.clone().commit(vec![late, rows.alive(&rows.right)]));
    rows.until(WAITING, 1).await;
    sleep(Duration::from_secs(2)).await;
    drop(left);
    let slow = slow.await.expect("a task");

    let Err(CommitError::Unavailable(StoreError::Unreachable(why))) = slow else { panic!("{slow:?}") };
    assert!(why.contains("more than 5 seconds"), "{why}");
    drop(right);
    rows.until(OPEN, 0).await;
    let left = grants::by_id(&rows.site.store, &rows.site.tenant, &rows.left.id).await.expect("a read").expect("the grant");
    assert!(left.is_alive(NOW), "nothing of it was written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bl_02_what_is_put_off_while_housekeeping_waits_for_it_stays() {
    let Some(rows) = Rows::new().await else { return };
    crate::reap::known(&rows.site).await;
    let (due, later) = (NOW + MINUTE * 60 * 48, NOW + MINUTE * 60 * 72);
    let mut gone = Vec::new();

    for (table, date, row) in with_dates_that_move(&rows.site) {
        rows.site.write([row]).await;
        let put_off = rows.database().hold(&format!("UPDATE {table} SET {date} = {}", later.millis()));
        let reaping = tokio::spawn({
            let rows = rows.clone();
            async move { reap(&rows.site.store, due).await }
        });
        rows.until(WAITING, 1).await;
        put_off.commit();
        if reaping.await.expect("a task") != Ok(0) || rows.database().sql(&format!("SELECT count(*) FROM {table}")).trim() != "1" {
            gone.push(table);
        }
    }

    assert_eq!(gone, Vec::<&str>::new());
}

/// A row of each table where an end can be put off, and where that is.
fn with_dates_that_move(site: &Site) -> [(&'static str, &'static str, Write); 5] {
    let (tenant, subject, id) = (site.tenant, fresh(SubjectId::mint), fresh(ClientId::mint));
    let of = logged_out::Of { tenant: &tenant, provider: &"corp".parse().expect("a name"), whose: "s-1" };
    let end = ended::End { tenant, kind: ended::EndedKind::Subject, key: subject.to_string(), at: NOW, until: NOW };
    let approval = approvals::remember(&crate::approvals::approval(site, subject, &id));
    let (body, standing) = ("{}".to_owned(), clients::Standing::Active);
    let client = clients::Client { tenant, id, body, standing, created_at: NOW, used_at: None, keep_until: NOW };
    [
        ("logged_out", "heard_at", logged_out::session_not_since(of, NOW)), // a sign-in asked, and now word comes
        ("ended", "until", ended::put(&end)),
        ("approvals", "expires_at", approval),
        ("clients", "keep_until", clients::insert(&client)),
        ("vouchers", "checked_at", vouchers::insert(&crate::vouchers::voucher(site, subject))),
    ]
}

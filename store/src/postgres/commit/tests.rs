//! Commits that linger: a deferred trigger sleeps in them, as a disk or a standby may. PostgreSQL only.

use chancery_core::TenantId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;
use crate::postgres::open;
use crate::url::Address;
use crate::{Change, StoreUrl, Topic};

/// The throwaway server of the testkit, taken as a file: the testkit itself depends on every room above this one.
#[path = "../../../../testkit/src/postgres.rs"]
#[expect(dead_code, reason = "the suite of the drivers uses more of it")]
mod server;

/// Enough for a commit that does not linger, on a machine that is busy with other tests too; less than one that does.
const WITHIN: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(20);
const COMMITTING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'COMMIT' AND state = 'active'";
const LINGERING: &str = "CREATE TABLE slow (id INT); \
     CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(4); RETURN NULL; END $$; \
     CREATE CONSTRAINT TRIGGER lingers AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger()";

async fn opened(url: &str) -> Pool {
    let url: StoreUrl = url.parse().expect("an address");
    let Address::Postgres(server) = url.address() else { panic!("an address of PostgreSQL") };
    let (config, connector) = open::settings(server).expect("settings");
    open::prepare(server, &config, &connector).await.expect("a server");
    open::pool(config, connector, 16)
}

fn tells(slow: bool) -> Unit {
    let tenant: TenantId = "ten_019ab697e80070008000000000000001".parse().expect("an id");
    let writes = if slow { vec![Write::one("INSERT INTO slow (id) VALUES (1)", vec![])] } else { vec![] };
    Unit { changes: vec![Change { topic: Topic::Ended, key: "left".to_owned() }], ..Unit::new(tenant, writes) }
}

const TOLD: &str = "SELECT count(*) FROM feed WHERE key = 'left'";

fn count(database: &server::Database, sql: &str) -> String {
    database.sql(sql).trim().to_owned()
}

/// Waits until this counts so many.
async fn until(database: &server::Database, sql: &str, so_many: &str) {
    let begun = Instant::now();
    while count(database, sql) != so_many {
        assert!(begun.elapsed() < PATIENCE, "never {so_many}: {sql}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_a_lingering_commit_changed_is_told_once_more() {
    let Some(database) = server::Database::fresh() else { return };
    let pool = opened(&database.url()).await;
    database.sql(LINGERING);

    let _receipt = run(pool.clone(), tells(false), WITHIN).await.expect("a commit");
    assert_eq!(count(&database, TOLD), "1");

    let receipt = run(pool, tells(true), WITHIN).await.expect("a commit that lingers");
    assert_eq!(receipt.changed(), [1]);
    assert_eq!(count(&database, TOLD), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_commit_of_unknown_outcome_changed_is_told_once_more() {
    let Some(database) = server::Database::fresh() else { return };
    let url = database.url();
    let (_, place) = url.split_once('@').expect("the URL names a user");
    let (place, _) = place.split_once('/').expect("the URL names a database");
    let (wire, cut) = wire(place.to_owned()).await;
    let pool = opened(&url.replace(place, &wire)).await;
    database.sql(LINGERING);

    let committing = tokio::spawn(run(pool, tells(true), WITHIN));
    until(&database, COMMITTING, "1").await;
    cut.send_modify(|times| *times += 1);

    let outcome = committing.await.expect("no panic");
    assert!(matches!(outcome, Err(CommitError::Unavailable(StoreError::OutcomeUnknown(_)))), "{outcome:?}");
    until(&database, TOLD, "2").await; // the server goes on with the one that was cut
}

/// A way to the server on which every connection is cut when the number moves.
#[expect(clippy::disallowed_methods, reason = "the server is the test's own")]
async fn wire(server: String) -> (String, watch::Sender<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let place = listener.local_addr().expect("an address").to_string();
    let (cut, cuts) = watch::channel(0);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (server, mut cuts) = (server.clone(), cuts.clone());
            cuts.mark_unchanged();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(server).await.expect("the server");
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    _ = cuts.changed() => {}
                }
            });
        }
    });
    (place, cut)
}

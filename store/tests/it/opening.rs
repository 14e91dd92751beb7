//! A store that cannot be opened says what happened, why, and what to do, and never a password.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use chancery_core::Secret;
use chancery_store::repo::tenants;
use chancery_store::{Store, StoreError, StoreUrl};

use crate::postgres::{Database, GUARDED};
use crate::site::{Folder, Site};

/// What is said when this store is opened.
async fn said(url: &StoreUrl) -> String {
    match Store::open(url).await {
        Ok(_) => panic!("{url} opened"),
        Err(error @ StoreError::Opening { .. }) => error.to_string(),
        Err(other) => panic!("no remedy: {other}"),
    }
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written() {
    let folder = Folder::new();
    // A file in the way stops root too.
    std::fs::write(folder.0.join("data"), "").expect("a file");

    let text = said(&StoreUrl::sqlite(folder.0.join("data/chancery.db"))).await;

    says(&text, &["the folder", "data", "cannot be made", "write access"]);
}

#[tokio::test]
async fn a_database_that_another_process_holds() {
    let site = Site::sqlite().await;

    let text = said(&site.url).await;

    says(&text, &["chancery.db", "in use", &format!("process {}", std::process::id()), "admin socket", "stop it"]);
    site.store.close().await;
    let again = Store::open(&site.url).await.expect("it opens once the other let go");
    again.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("chancery.db"), "these are somebody's notes, long enough to be taken for something ".repeat(9))
        .expect("a file");

    let text = said(&StoreUrl::sqlite(folder.0.join("chancery.db"))).await;

    says(&text, &["chancery.db", "not a database", "name another file"]);
}

#[tokio::test]
async fn only_its_user_can_read_a_database() {
    let site = Site::sqlite().await;
    let path = site.url.path().expect("a file");
    let _ = tenants::all(&site.store).await.expect("a read");

    for file in [path.to_owned(), path.with_extension("db-wal"), path.with_extension("db-shm")] {
        let mode = std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777;
        assert_eq!(Permissions::from_mode(mode), Permissions::from_mode(0o600), "{}", file.display());
    }
}

#[tokio::test]
async fn a_closed_database_is_one_file() {
    let site = Site::sqlite().await;
    let path = site.url.path().expect("a file").to_owned();

    site.store.close().await;

    assert!(path.exists() && !path.with_extension("db-wal").exists());
}

#[tokio::test]
async fn a_schema_of_a_newer_version() {
    let site = Site::sqlite().await;
    let newer =
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (999, 'later', '2031-01-01T00:00:00Z', '1')";
    site.write([chancery_store::Write::one(newer, vec![])]).await;
    site.store.close().await;

    let text = said(&site.url).await;

    says(&text, &["a newer Chancery", "V999__later", "Run that version"]);
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    // It has the port and does not listen, so nobody else is given it meanwhile.
    let nobody = tokio::net::TcpSocket::new_v4().expect("a socket");
    nobody.bind(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).expect("loopback has a free port");
    let free = nobody.local_addr().expect("it is bound").port();
    let url: StoreUrl = format!("postgres://chancery:hunter2@127.0.0.1:{free}/chancery").parse().expect("an address");

    let text = said(&url).await;

    says(&text, &[&format!("postgres://chancery@127.0.0.1:{free}/chancery"), "refused", "Is PostgreSQL running there"]);
    assert!(!text.contains("hunter2"));
}

#[tokio::test]
async fn a_wrong_password_is_not_repeated() {
    let Some(database) = Database::fresh_on_own_server() else { return };
    let (user, password) = GUARDED;
    let wrong: StoreUrl = database.url_as(user, "hunter2").parse().expect("an address");

    let text = said(&wrong).await;

    says(&text, &["password authentication failed", "28P01", "Correct the user or the password"]);
    assert!(!format!("{text} {wrong} {wrong:?}").contains("hunter2"));
    let right = wrong.with_password(&Secret::new(password.to_owned()));
    Store::open(&right).await.expect("the right password opens it").close().await;
}

#[tokio::test]
async fn a_database_that_does_not_exist() {
    let Some(database) = Database::fresh() else { return };
    let url: StoreUrl = format!("{}_not", database.url()).parse().expect("an address");

    says(&said(&url).await, &["does not exist", "Create the database"]);
}

#[tokio::test]
async fn a_server_that_forgets_what_it_acknowledged() {
    let Some(database) = Database::fresh() else { return };
    let name = database.sql("SELECT current_database()");
    database.sql(&format!("ALTER DATABASE {} SET synchronous_commit = off", name.trim()));

    says(&said(&database.url().parse().expect("an address")).await, &["synchronous_commit", "would lose", "ALTER ROLE"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_migrate_once() {
    let Some(database) = Database::fresh() else { return };
    let url: StoreUrl = database.url().parse().expect("an address");

    let nodes = futures_util::future::join_all((0..6).map(|_| Store::open(&url))).await;

    assert!(nodes.iter().all(Result::is_ok), "{:?}", nodes.iter().filter_map(|node| node.as_ref().err()).collect::<Vec<_>>());
    assert_eq!(database.sql("SELECT count(*) = max(version) FROM refinery_schema_history").trim(), "t");
}

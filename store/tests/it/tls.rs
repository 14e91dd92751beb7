//! TLS to PostgreSQL: verified, and bound to the password check.

use chancery_store::repo::tenants;
use chancery_store::{Store, StoreError, StoreUrl};

use crate::postgres::{Database, GUARDED, ROOT};
use crate::site::Folder;

/// A database on a server with a certificate of [`ROOT`], and the file of that root.
fn guarded() -> Option<(Database, Folder, String)> {
    let database = Database::fresh_on_own_server()?;
    let folder = Folder::new();
    let root = folder.0.join("root.pem");
    std::fs::write(&root, ROOT).expect("a file");
    let root = root.display().to_string();
    Some((database, folder, root))
}

fn as_guarded(database: &Database) -> String {
    let (user, password) = GUARDED;
    database.url_as(user, password)
}

#[tokio::test]
async fn a_verified_server_is_used_and_the_password_is_bound_to_it() {
    let Some((database, _folder, root)) = guarded() else { return };
    // `channel_binding=require` fails where the server does not confirm the certificate that we saw.
    let url: StoreUrl = format!("{}?sslrootcert={root}&channel_binding=require", as_guarded(&database)).parse().expect("an address");

    let store = Store::open(&url).await.expect("the server's certificate comes from that root");

    assert_eq!(tenants::all(&store).await, Ok(vec![]));
    let encrypted = database.sql("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'guarded' AND datname = current_database()");
    assert_eq!(encrypted.trim(), "t");
    store.close().await;
}

#[tokio::test]
async fn a_server_that_no_root_vouches_for_is_refused() {
    let Some((database, _folder, _)) = guarded() else { return };
    let url: StoreUrl = format!("{}?sslmode=require", as_guarded(&database)).parse().expect("an address");

    let Err(StoreError::Opening { why, remedy, .. }) = Store::open(&url).await.map(drop) else { panic!("opened") };

    assert!(why.contains("certificate") && remedy.contains("sslrootcert"), "{why}. {remedy}");
}

#[tokio::test]
async fn a_server_of_another_name_is_refused() {
    let Some((database, _folder, root)) = guarded() else { return };
    let elsewhere = as_guarded(&database).replace("@127.0.0.1:", "@db.example:");
    let url: StoreUrl = format!("{elsewhere}?hostaddr=127.0.0.1&sslrootcert={root}").parse().expect("an address");

    let Err(StoreError::Opening { why, .. }) = Store::open(&url).await.map(drop) else { panic!("opened") };

    assert!(why.contains("not valid for name") && why.contains("db.example"), "{why}");
}

#[tokio::test]
async fn roots_that_cannot_be_read_are_named() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("empty.pem"), "").expect("a file");
    for (file, why) in [("missing.pem", "No such file"), ("empty.pem", "no certificate")] {
        let url: StoreUrl = format!("postgres://u@db.example/x?sslrootcert={}", folder.0.join(file).display()).parse().expect("an address");

        let error = Store::open(&url).await.map(drop).expect_err("no roots");

        assert!(error.to_string().contains(why) && error.to_string().contains(file), "{error}");
    }
}

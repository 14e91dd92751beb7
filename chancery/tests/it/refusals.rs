//! What keeps a server from starting: each a clear message and an exit code of its own.

use std::net::{Ipv4Addr, TcpListener};

use chancery_testkit::Folder;

use crate::process::{Running, configuration, free_port, run, write};

#[test]
fn a_taken_port() {
    let (folder, taken) = (Folder::new(), TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let port = taken.local_addr().unwrap().port();

    let demo = run(&folder, &["demo", "--once", "--port", &port.to_string()]);
    demo.with(4, &["cannot listen on", "already listens", "--port"]);

    configuration(&folder, port);
    run(&folder, &["serve"]).with(4, &["cannot listen on", &port.to_string()]);
    assert!(!folder.path().join("data").exists(), "nothing is made before the port is ours");
}

#[test]
fn a_folder_that_cannot_be_written_to() {
    let folder = Folder::new();
    write(&folder, "a-file", "");
    let demo = run(&folder, &["demo", "--once", "--port", "0", "--data", "a-file/data"]);
    demo.with(5, &["a-file/data", "cannot be made", "this user", "write"]);

    let path = configuration(&folder, free_port());
    let text = std::fs::read_to_string(&path).unwrap();
    write(&folder, "chancery.yaml", &text.replace("sqlite:data/", "sqlite:a-file/data/"));
    run(&folder, &["serve"]).with(5, &["a-file/data", "cannot be made", "this user", "write"]);
    write(&folder, "chancery.yaml", &text.replace("socket: data/", "socket: a-file/data/"));
    run(&folder, &["serve"]).with(5, &["a-file/data", "cannot be made", "this user", "write"]);
}

#[test]
fn a_broken_file() {
    let folder = Folder::new();
    run(&folder, &["serve"]).with(3, &["chancery.yaml", "cannot be read", "chancery init", "--config"]);
    run(&folder, &["revoke", "subject", "usr_x", "--socket", "data/x.sock"]).with(3, &["--tenant"]);
    run(&folder, &["import"]).with(2, &["--stdio"]);

    let path = configuration(&folder, free_port());
    let text = std::fs::read_to_string(&path).unwrap();
    write(&folder, "chancery.yaml", &text.replace("client_id:", "clientid:").replace("env:CORP_SECRET", "hunter2hunter2"));
    let broken = run(&folder, &["serve"]);
    broken.with(3, &["chancery.yaml:7", "chancery.yaml:8", "client_id", "env:NAME"]);
    assert!(!broken.err.contains("hunter2"), "{}", broken.err);

    write(&folder, "chancery.yaml", &text.replace("CORP_SECRET", "NOT_IN_THE_ENVIRONMENT"));
    run(&folder, &["serve"]).with(3, &["NOT_IN_THE_ENVIRONMENT", "is not set"]);
}

#[test]
fn an_identity_provider_that_cannot_be_reached() {
    let folder = Folder::new();
    configuration(&folder, free_port());
    run(&folder, &["serve", "--require-providers"]).with(6, &["nobody can sign in", "corp", "127.0.0.1:1"]);

    // Who is signed in already needs no provider, so by itself this stops nobody.
    let mut server = Running::start(&folder, &["serve"], "listening on");
    server.logs("nobody can sign in to tenant acme by identity provider corp");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_store_that_another_process_holds() {
    let folder = Folder::new();
    configuration(&folder, free_port());
    let _server = Running::start(&folder, &["serve"], "listening on");
    write(
        &folder,
        "other.yaml",
        &std::fs::read_to_string(folder.path().join("chancery.yaml")).unwrap().replace("admin.sock", "other.sock"),
    );
    run(&folder, &["plan", "--config", "other.yaml"]).with(5, &["data/chancery.db"]);
}

#[test]
fn a_key_file_that_is_lost() {
    let folder = Folder::new();
    configuration(&folder, free_port());
    run(&folder, &["apply"]).with(0, &["acme"]);
    std::fs::remove_file(folder.path().join("data/chancery.key")).unwrap();
    run(&folder, &["plan"]).with(5, &["chancery.key", "put back the key file"]);
}

//! `plan`, `apply` and `audit tail`, over the socket of a running server and without one.

use std::os::unix::fs::PermissionsExt as _;

use chancery_testkit::Folder;
use serde_json::Value;

use crate::process::{Running, configuration, free_port, run, write};

#[test]
fn without_a_server_the_command_does_it_itself() {
    let folder = Folder::new();
    configuration(&folder, free_port());
    run(&folder, &["plan"]).with(0, &["acme is new", "bank"]);
    run(&folder, &["apply"]).with(0, &["acme is now at version 1"]);
    run(&folder, &["apply"]).with(0, &["acme is at version 1", "nothing to change"]);
    run(&folder, &["audit", "tail"]).with(0, &["registry_applied", "version=1", "no server running"]);
    run(&folder, &["audit", "tail", "--follow"]).with(7, &["no server answers"]);
}

#[test]
fn nobody_else_may_look_into_the_data() {
    let folder = Folder::new();
    let path = configuration(&folder, free_port());
    let text = std::fs::read_to_string(&path).unwrap().replace("file: data/", "file: deep/keys/");
    write(&folder, "chancery.yaml", &text);
    run(&folder, &["apply"]).with(0, &[]);
    for (name, wanted) in [("data", 0o700), ("deep/keys", 0o700), ("data/chancery.db", 0o600), ("deep/keys/chancery.key", 0o600)] {
        let mode = folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, wanted, "{name} is {mode:o}");
    }
}

#[test]
fn the_socket_that_the_command_line_names_is_announced() {
    let folder = Folder::new();
    configuration(&folder, free_port());
    let _server = Running::start(&folder, &["serve", "--socket", "other.sock"], "admin socket other.sock");
    run(&folder, &["plan", "--socket", "other.sock"]).with(0, &["is as the file says"]);
}

#[test]
fn a_running_server_is_asked_over_its_socket() {
    let folder = Folder::new();
    let path = configuration(&folder, free_port());
    let _server = Running::start(&folder, &["serve"], "listening on");
    let mode = folder.path().join("data/admin.sock").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let text = std::fs::read_to_string(&path).unwrap().replace("title: Bank", "title: The Bank");
    write(&folder, "chancery.yaml", &text);
    run(&folder, &["plan"]).with(0, &["bank", "The Bank"]);
    run(&folder, &["apply"]).with(0, &["acme is now at version 2"]);

    let tail = run(&folder, &["audit", "tail", "--json", "-n", "1"]);
    let event: Value = serde_json::from_str(tail.out.trim()).unwrap_or_else(|error| panic!("{error}: {}", tail.out));
    assert_eq!((&event["kind"], &event["fields"]["version"]), (&"registry_applied".into(), &"2".into()));
    let by = event["fields"]["administrator"].as_str().unwrap_or_default();
    assert!(by.starts_with("socket uid "), "{by}");

    let socket = folder.path().join("data/admin.sock").display().to_string();
    run(&folder, &["audit", "tail", "--socket", &socket, "--tenant", "nobody"]).with(8, &["no tenant", "acme"]);
}

#[test]
fn a_tail_that_follows_says_what_comes_and_ends_with_the_server() {
    let folder = Folder::new();
    let path = configuration(&folder, free_port());
    let server = Running::start(&folder, &["serve"], "listening on");
    let mut tail = Running::start(&folder, &["audit", "tail", "--follow"], "version=1");
    let text = std::fs::read_to_string(&path).unwrap().replace("title: Bank", "title: The Bank");
    write(&folder, "chancery.yaml", &text);
    run(&folder, &["apply"]).with(0, &[]);
    tail.says("version=2");

    server.signal("TERM");

    assert_eq!(tail.wait().code(), Some(0));
}

#[test]
fn to_read_the_log_needs_no_secret() {
    let folder = Folder::new();
    configuration(&folder, free_port());
    let _server = Running::start(&folder, &["serve"], "listening on");
    let tail = crate::process::chancery(&folder, &["audit", "tail"]).env_remove("CORP_SECRET").output().unwrap();
    crate::process::Ended::from(tail).with(0, &["registry_applied"]);
}

#[test]
fn a_file_that_contradicts_the_store_is_refused() {
    let folder = Folder::new();
    let path = configuration(&folder, free_port());
    run(&folder, &["apply"]).with(0, &[]);
    let text = std::fs::read_to_string(&path).unwrap();
    write(&folder, "chancery.yaml", &text.replace("base_url: http://127.0.0.1", "base_url: http://localhost"));
    run(&folder, &["plan"]).with(3, &["chancery.yaml:3", "base_url"]);
}

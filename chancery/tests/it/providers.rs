//! The look at identity providers when a server starts.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use chancery_testkit::Folder;

use crate::process::{Running, configuration, free_port, run, write};

/// A provider that answers each request with this metadata, as long as the test runs; its issuer.
fn provider(metadata: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let issuer = format!("http://{}", listener.local_addr().expect("it is bound"));
    let body = metadata(&issuer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close", body.len());
            let _ = write!(&stream, "{head}\r\n\r\n{body}");
        }
    });
    issuer
}

#[test]
fn md_07_a_provider_that_nobody_could_sign_in_by_is_told_of_at_the_start() {
    let folder = Folder::new();
    let path = configuration(&folder, free_port());
    let text = std::fs::read_to_string(path).unwrap();
    let with = |issuer: &str| write(&folder, "chancery.yaml", &text.replace("issuer: http://127.0.0.1:1", &format!("issuer: {issuer}")));
    let whole = |issuer: &str, says: &str| {
        format!(r#"{{"issuer":"{says}","authorization_endpoint":"{issuer}/a","token_endpoint":"{issuer}/t","jwks_uri":"{issuer}/k"}}"#)
    };

    with(&provider(move |issuer| whole(issuer, "https://other.example")));
    run(&folder, &["serve", "--require-providers"]).with(6, &["nobody can sign in", "corp", "https://other.example"]);

    with(&provider(|_| "{}".to_owned()));
    run(&folder, &["serve", "--require-providers"]).with(6, &["nobody can sign in", "it cannot be read"]);
}

#[test]
fn the_authorities_that_the_file_names_are_read() {
    let folder = Folder::new();
    let path = configuration(&folder, free_port());
    let text = std::fs::read_to_string(path).unwrap();
    write(&folder, "chancery.yaml", &text.replace("server: {", "server: { trust: [ company.pem ],"));
    run(&folder, &["serve"]).with(3, &["company.pem", "No such file", "server.trust"]);
    write(&folder, "company.pem", chancery_testkit::postgres::ROOT);
    let _server = Running::start(&folder, &["serve"], "listening on");
}

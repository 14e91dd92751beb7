//! `chancery doctor` and `chancery schema`: what they say of a site that is well, and of one that is not.

use chancery_testkit::{Folder, Kind};
use serde_json::Value;

use crate::process::{Running, configuration, free_port, run, write};
use crate::served::Served;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_site_that_is_well_is_told_so() {
    let served = Served::on(Kind::Sqlite, |_| {}).await.expect("SQLite is always there");
    let server = served.serve();

    run(&served.folder, &["doctor"]).with(
        0,
        &[
            "ok   the file chancery.yaml",
            "ok   the store: held by the server that runs",
            "ok   what is in force",
            "ok   identity provider idp:",
            "look identity provider idp, refresh tokens: `scopes` is written without offline_access",
            "ok   identity provider idp, keys",
            "ok   the issuer's metadata",
            "ok   resource bank, challenge",
            "ok   resource bank, metadata",
            "ok   resource bank, upstream",
            "0 wrong",
        ],
    );
    let told = run(&served.folder, &["doctor", "--json"]).out;
    let findings: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
    assert!(findings.len() > 8 && findings.iter().all(|finding| finding["verdict"] != "wrong" && finding["saw"].is_string()), "{told}");
    run(&served.folder, &["doctor", &format!("{}/mcp/bank", served.base)])
        .with(0, &["challenge: 401", "metadata", "the issuer's metadata"]);

    drop(server);
    run(&served.folder, &["doctor"]).with(0, &["no server runs on it", "ok   the keys", "look this server", "chancery serve"]);
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    let folder = Folder::new();
    let path = configuration(&folder, free_port());
    run(&folder, &["doctor"]).with(
        10,
        &[
            "look the store: ",
            "is not there yet",
            "BAD  identity provider corp: http://127.0.0.1:1/.well-known/openid-configuration",
            "fix: check `issuer`",
            "BAD  resource bank, upstream",
            "2 wrong",
        ],
    );
    run(&folder, &["doctor", "http://127.0.0.1:1/mcp"]).with(10, &["BAD  http://127.0.0.1:1/mcp, challenge"]);
    assert!(!folder.path().join("data").exists(), "it changes nothing");

    let text = std::fs::read_to_string(&path).unwrap();
    write(&folder, "chancery.yaml", &text.replace("CORP_SECRET", "NOWHERE_SET"));
    run(&folder, &["doctor"])
        .with(10, &["`env:NOWHERE_SET` is not set", "not looked at, since secrets are missing", "BAD  identity provider corp"]);
    write(&folder, "chancery.yaml", &text.replace("title:", "titel:"));
    run(&folder, &["doctor"]).with(10, &["chancery.yaml:", "did you mean `title`?", "1 wrong"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_behind_a_resource_is_asked_as_the_gateway_asks() {
    let (private, folder) = (chancery_testkit::private::start().await, Folder::new());
    let path = configuration(&folder, free_port());
    let of_testkit = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/src/https");
    let upstream = format!(
        "upstream: {{ url: {private}, replicas: [ https://127.0.0.1:1/mcp, {private}/2 ], authority: \"file:{of_testkit}/private-root.pem\", \
         certificate: {{ chain: \"file:{of_testkit}/gateway.pem\", key: \"file:{of_testkit}/gateway.key\" }} }}"
    );
    let text = std::fs::read_to_string(&path).unwrap().replace("upstream: { url: http://127.0.0.1:1/mcp }", &upstream);
    let text = text.replace("server: {", "server: { stdio: [ /bin/sh ],")
        + "  - { name: files, upstream: { stdio: { command: /bin/sh } } }\n  - { name: notes, upstream: { stdio: { command: /bin/ls } } }\n";
    write(&folder, "chancery.yaml", &text);

    let whole = run(&folder, &["doctor"]);
    whole.with(
        10,
        &[
            &format!("ok   resource bank, upstream: {private} answers who shows the certificate"),
            "BAD  resource bank, replica: https://127.0.0.1:1/mcp:",
            "correct `upstream.replicas`",
            &format!("ok   resource bank, replica: {private}/2 answers"),
            "ok   resource files, program: /bin/sh is there",
            "BAD  resource notes, program: /bin/ls is not among the commands",
            "write `stdio: [ /bin/ls ]`",
        ],
    );
    write(&folder, "chancery.yaml", &text.replace("gateway.key", "none.key"));
    run(&folder, &["doctor"]).with(10, &["look resource bank, upstream: not asked, since secrets are missing"]);

    write(&folder, "chancery.yaml", &text);
    Running::start(&folder, &["serve"], "listening on").logs("/bin/ls");
}

#[test]
fn the_schema_is_a_document_for_editors() {
    let schema = run(&Folder::new(), &["schema"]);
    schema.with(0, &[]);
    let schema: Value = serde_json::from_str(&schema.out).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["identity_providers"]["items"]["properties"]["issuer"]["description"].is_string());
}

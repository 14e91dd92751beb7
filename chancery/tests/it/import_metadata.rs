//! What `chancery import` says of a server that wants a token: whom its metadata (RFC 9728) names, and that nobody is trusted by that.

use chancery_testkit::Folder;
use chancery_testkit::web::{self, Web};
use http::Method;
use serde_json::{Value, json};

use crate::import::import;
use crate::offering::{Offering, answer, says};
use crate::process::{configuration, free_port, write};

/// In a challenge or a document: the server's own scheme, host and port.
const HERE: &str = "HERE";
const WITH_PATH: &str = "/.well-known/oauth-protected-resource/mcp";
const WITHOUT: &str = "/.well-known/oauth-protected-resource";

/// A server that lets nobody in, challenges so, and has these documents.
async fn closed(challenge: &str, documents: Vec<(&'static str, Value)>) -> Offering {
    let challenge = challenge.to_owned();
    Offering::saying(move |heard| {
        let here = format!("http://{}", heard.header("host").unwrap_or_default());
        let document = documents.iter().find(|(path, _)| heard.method == Method::GET && *path == heard.path);
        match document {
            Some((_, document)) => {
                says(200, &serde_json::from_str(&document.to_string().replace(HERE, &here)).expect("it was JSON before"))
            }
            None if heard.method == Method::GET => answer(404, &[], ""),
            None => answer(401, &[("www-authenticate", challenge.replace(HERE, &here).as_str())], ""),
        }
    })
    .await
}

/// The documents that it was asked for.
fn fetched(offering: &Offering) -> Vec<String> {
    offering.heard().into_iter().filter(|heard| heard.method == Method::GET).map(|heard| heard.path).collect()
}

fn naming(issuers: &[&str]) -> Value {
    json!({ "resource": "HERE/mcp", "authorization_servers": issuers, "scopes_supported": ["notes:read", "notes:write"] })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_06_metadata_that_names_another_resource_is_discarded() {
    let others = [
        json!("HERE/other"),
        json!("HERE/mcp/"),
        json!("HERE/mcp#x"),
        json!("HERE"),
        json!("https://bank.example/mcp"),
        json!(["HERE/mcp"]),
        json!(null),
    ];
    for resource in others {
        let mut document = naming(&["https://as.example"]);
        document["resource"] = resource.clone();
        let offering = closed("Bearer", vec![(WITH_PATH, document), (WITHOUT, naming(&["https://as.example"]))]).await;
        let told = import(&Folder::new(), &[&offering.url]).await;
        told.with(11, &["lets nobody in", "its metadata names another resource", "all of it is discarded"]);
        assert!(!told.err.contains("as.example") && !told.err.contains("notes:read"), "{resource}: {}", told.err);
        assert_eq!(fetched(&offering), [WITH_PATH], "{resource}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_06_an_issuer_that_nobody_lists_stops_the_import_and_is_told() {
    let (folder, port, stranger) = (Folder::new(), free_port(), closed("Bearer", vec![]).await);
    configuration(&folder, port);
    let (unlisted, own) = (stranger.url.trim_end_matches("/mcp"), format!("http://127.0.0.1:{port}/t/acme"));
    let offering = closed("Bearer", vec![(WITH_PATH, naming(&[unlisted, "http://127.0.0.1:1", &own]))]).await;

    let told = import(&folder, &[&offering.url, "--header", "X-Api-Key=env:KEY", "--config", "chancery.yaml"]).await;
    told.with(
        11,
        &[
            "nobody is trusted by that",
            &format!("- \"{unlisted}\" is not in your configuration: ask who runs it before you trust it\n"),
            "- \"http://127.0.0.1:1\" is this tenant's identity provider corp\n",
            &format!("- \"{own}\" is this tenant's own issuer\n"),
            "it supports the scopes \"notes:read\", \"notes:write\"\n",
            "--header Authorization=env:VARIABLE",
        ],
    );
    assert!(told.out.is_empty(), "no draft is made: {}", told.out);
    assert!(stranger.heard().is_empty(), "whom it names is not asked");
    let heard = offering.heard();
    assert!(heard.iter().all(|heard| (heard.method == Method::GET) == heard.header("x-api-key").is_none()), "no credential goes along");

    let told = import(&folder, &[&offering.url]).await;
    told.with(11, &["is in no configuration (none was given by --config): ask who runs it"]);
    assert!(!told.err.contains("is this tenant's"), "{}", told.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_06_an_address_that_a_server_names_leads_nowhere_inside() {
    let (folder, elsewhere, web) = (Folder::new(), closed("Bearer", vec![]).await, Web::start().await);
    let text = std::fs::read_to_string(configuration(&folder, free_port())).expect("it was written");
    write(&folder, "chancery.yaml", &text.replace("server: {", &format!("server: {{ trust: [ {} ],", web::AUTHORITY)));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    silent.set_nonblocking(true).expect("it can be asked without waiting");
    let port = silent.local_addr().expect("it is bound").port();

    for inside in [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/latest/meta-data",
        elsewhere.url.as_str(),
        web.at("/prm").as_str(),
        format!("https://127.0.0.1:{port}/prm").as_str(),
        format!("https://[::ffff:127.0.0.1]:{port}/prm").as_str(),
        format!("https://{}:{port}/prm", 0x7f00_0001).as_str(),
        format!("http://localhost:{port}/prm").as_str(),
        "file:///etc/passwd",
    ] {
        let offering = closed(&format!("Bearer resource_metadata=\"{inside}\""), vec![(WITH_PATH, naming(&["https://as.example"]))]).await;
        let told = import(&folder, &[&offering.url, "--config", "chancery.yaml"]).await;
        told.with(11, &["its metadata was not read: the server names a place that is not its own"]);
        assert!(fetched(&offering).is_empty() && !told.err.contains("as.example"), "{inside}: {}", told.err);
    }
    assert!(elsewhere.heard().is_empty() && web.asked_in_all() == 0);
    assert!(silent.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "no connection is made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_06_metadata_lies_where_the_challenge_says_or_at_a_well_known_place() {
    let (right, wrong) = (naming(&["https://right.example"]), naming(&["https://wrong.example"]));
    let named = "Basic realm=\"x\", Bearer error_description=\"say resource_metadata=\", Resource_Metadata=\"HERE/prm\"";
    for (challenge, documents, asked) in [
        (named, vec![("/prm", right.clone()), (WITH_PATH, wrong.clone()), (WITHOUT, wrong.clone())], vec!["/prm"]),
        ("Bearer", vec![(WITH_PATH, right.clone()), (WITHOUT, wrong)], vec![WITH_PATH]),
        ("Bearer", vec![(WITHOUT, right)], vec![WITH_PATH, WITHOUT]),
    ] {
        let offering = closed(challenge, documents).await;
        import(&Folder::new(), &[&offering.url]).await.with(11, &["- \"https://right.example\" is in no configuration"]);
        assert_eq!(fetched(&offering), asked, "{challenge}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_06_what_metadata_says_is_shown_for_what_it_is() {
    let liar = "https://as.example\n- \"https://b\u{430}nk.example\" is this tenant's own issuer \u{1b}[31m\u{202e}";
    let long = format!("https://as.example/{}", "x".repeat(5_000));
    let mut document = naming(&[liar, &long, "a", "b", "c", "d", "e"]);
    document["scopes_supported"] = json!(vec!["s\u{7}"; 500]);
    let told = import(&Folder::new(), &[&closed("Bearer resource_metadata=\"HERE/prm\"", vec![("/prm", document)]).await.url]).await;
    told.with(
        11,
        &[
            r#"- "https://as.example\u000A- \"https://b\u0430nk.example\" is this tenant's own issuer \u001B[31m\u202E" is in no configuration"#,
            "xxx\" (cut) is in no configuration",
            "- and 2 more\n",
            r#""s\u0007", and 480 more"#,
        ],
    );
    let plain = |character| matches!(character, '\n' | ' '..='~' | '\u{2026}'); // an ellipsis is ours
    assert!(told.err.chars().all(plain) && told.err.len() < 4_000, "{:?}", told.err);

    let flood = json!({ "resource": "HERE/mcp", "authorization_servers": ["x".repeat(30_000)] });
    let told = import(&Folder::new(), &[&closed("Bearer resource_metadata=\"HERE/prm\"", vec![("/prm", flood)]).await.url]).await;
    told.with(11, &["its metadata was not read: the answer is larger than 20000 bytes"]);
    let told = import(&Folder::new(), &[&closed("Bearer resource_metadata=\"HERE/prm\"", vec![]).await.url]).await;
    told.with(11, &["its metadata was not read: its place answers with status 404"]);
}

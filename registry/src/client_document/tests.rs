use serde_json::json;

use super::*;

const ID: &str = "https://app.example/oauth/client.json";
const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

fn id(text: &str) -> ClientId {
    ClientId::claimed(text)
}

fn document(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut document = json!({
        "client_id": ID,
        "client_name": "An app",
        "redirect_uris": ["https://app.example/cb", "http://127.0.0.1/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "whatever",
        "x-unknown": [1],
    });
    change(&mut document);
    document.to_string().into_bytes()
}

fn read(change: impl FnOnce(&mut Value)) -> Result<Client, DocumentFault> {
    client(&id(ID), &document(change), NOW)
}

fn refused(row: &str, change: impl FnOnce(&mut Value)) -> String {
    let fault = read(change).expect_err("refused");
    assert_eq!(fault.row, row, "{fault}");
    fault.why
}

#[test]
fn ci_01_an_id_is_an_address_in_its_plainest_form() {
    for good in [
        ID,
        "https://app.example/",
        "https://app.example/a?b=c",
        "https://app.example:8443/a",
        "https://app.example:443/a",
        "https://app.example/a:443/b",
        "https://[2606:4700::1111]/a",
        "https://xn--bcher-kva.example/a",
    ] {
        assert!(address(&id(good)).is_ok(), "{good}: {:?}", address(&id(good)));
    }
    for bad in [
        "http://app.example/a",
        "https://app.example",
        "https://app.example?x",
        "https://app.example/a#x",
        "https://app.example/a#",
        "https://u@app.example/a",
        "https://u:p@app.example/a",
        "https://@app.example/a",
        "https://app.example/a/../b",
        "https://app.example/./a",
        "https://app.example/%2e%2e/a",
        "https://app.example/a/..",
        "https://APP.example/a",
        "HTTPS://app.example/a",
        "https:///app.example/a",
        "https:app.example/a",
        "https://app.example\\a",
        "https://2130706433/a",
        "https://0x7f.1/a",
        "https://bücher.example/a",
        "https://app.example/a b",
        "https://app.example:0443/a",
        "https://app.example:/a",
        "https://app.example./a",
        "https://app.example.:8443/a",
        "https://app.example.:443/a",
        "cli_0123",
        "",
    ] {
        assert!(address(&id(bad)).is_err(), "{bad}");
    }
    assert!(address(&id(&format!("https://app.example/{}", "a".repeat(LONGEST_ID)))).is_err());
}

#[test]
fn ci_10_no_id_of_ours_is_an_address() {
    let ours = ClientId::mint(NOW, &mut chancery_core::Entropy::from_bytes([7; chancery_core::Entropy::BYTES]));
    assert!(!names_document(&ours));
    assert!(names_document(&id(ID)));
}

#[test]
fn ci_02_ids_are_compared_as_they_are_written() {
    assert!(read(|_| ()).is_ok());
    for other in ["https://app.example:443/oauth/client.json", "https://app.example/oauth/client.json?", "https://evil.example/x", ""] {
        refused("CI-02", |document| document["client_id"] = json!(other));
    }
    let with_port = "https://app.example:443/oauth/client.json";
    assert!(client(&id(with_port), &document(|document| document["client_id"] = json!(with_port)), NOW).is_ok());
    assert!(client(&id(with_port), &document(|_| ()), NOW).is_err());
}

#[test]
fn ci_03_what_is_not_the_document_is_refused() {
    for body in ["", "[]", "null", "<html>", "{}", "{\"client_id\":1}", "{\"client_id\":\"a\",\"client_id\":\"b\"}", "{} {}"] {
        assert_eq!(client(&id(ID), body.as_bytes(), NOW).expect_err("refused").row, "CI-03", "{body}");
    }
    for (member, value) in [("redirect_uris", json!("https://app.example/cb")), ("grant_types", json!("code")), ("client_name", json!(7))] {
        refused("CI-03", |document| document[member] = value);
    }
}

#[test]
fn ci_05_nothing_secret_stands_in_a_document() {
    refused("CI-05", |document| document["client_secret"] = json!("hunter2"));
    refused("CI-05", |document| document["client_secret_expires_at"] = json!(0));
    for method in ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "tls_client_auth"] {
        refused("CI-05", |document| document["token_endpoint_auth_method"] = json!(method));
    }
    for key in [
        json!({ "kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d" }),
        json!({ "kty": "RSA", "n": "n", "e": "e", "p": "p" }),
        json!({ "kty": "oct", "k": "k" }),
        json!({ "kty": "OKP", "k": "k" }),
        json!({}),
        json!("key"),
    ] {
        refused("CI-05", |document| document["jwks"] = json!({ "keys": [key] }));
    }
    let public = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" }] });
    assert!(read(|document| document["jwks"] = public.clone()).is_ok());
    refused("CI-05", |document| {
        document["jwks"] = public;
        document["jwks_uri"] = json!("https://app.example/jwks");
    });
}

#[test]
fn ci_04_an_address_of_keys_is_as_plain_as_the_documents_own() {
    assert!(read(|document| document["jwks_uri"] = json!("https://app.example/jwks")).is_ok());
    for bad in ["http://app.example/jwks", "file:///etc/passwd", "https://2130706433/jwks", "https://u@app.example/jwks"] {
        refused("CI-04", |document| document["jwks_uri"] = json!(bad));
    }
}

#[test]
fn ci_06_what_it_lists_may_be_redirected_to_and_nothing_else() {
    assert_eq!(read(|_| ()).expect("a client").redirect_uris, ["https://app.example/cb", "http://127.0.0.1/cb"]);
    for bad in
        [json!([]), json!(["unknownapp://cb"]), json!(["javascript:alert(1)", "https://app.example/cb"]), json!(["http://app.example/cb"])]
    {
        refused("CI-06", |document| document["redirect_uris"] = bad);
    }
    let some = read(|document| document["redirect_uris"] = json!(["unknownapp://cb", "https://app.example/cb"])).expect("a client");
    assert_eq!(some.redirect_uris, ["https://app.example/cb"], "one that is merely not offered fails nothing else");
    refused("CI-06", |document| document["redirect_uris"] = json!(vec!["https://app.example/cb"; 17]));
}

#[test]
fn a_document_says_what_it_may_be_and_no_more() {
    let client = read(|_| ()).expect("a client");
    assert_eq!((client.name.as_str(), client.origin, client.is_public()), ("An app", Origin::Document, true));
    assert_eq!(client.grant_types, GrantType::OF_THE_CODE_FLOW.into());
    let only_code = read(|document| document["grant_types"] = json!(["authorization_code", "client_credentials"])).expect("a client");
    assert_eq!(only_code.grant_types, [GrantType::AuthorizationCode].into());
    refused("CI-06", |document| document["grant_types"] = json!(["client_credentials"]));
    refused("CI-06", |document| document["response_types"] = json!(["token"]));
    assert_eq!(read(|document| document["client_name"] = json!(" ")).expect("a client").name, "app.example");
}

#[test]
fn ci_09_only_https_addresses_are_ever_shown() {
    let uri = |text: &str| read(|document| document["client_uri"] = json!(text)).expect("a client").about.client_uri;
    assert_eq!(uri("https://app.example/"), Some("https://app.example/".to_owned()));
    assert_eq!(uri("javascript:alert(1)"), None);
}

#[test]
fn dr_10_a_documents_name_hides_and_imitates_nothing() {
    let named = |text: &str| read(|document| document["client_name"] = json!(text)).expect("a client").name;
    assert_eq!(named("\u{421}laude"), "?laude");
    assert_eq!(named("gro.live\u{202e}txt.exe"), "gro.livetxt.exe");
    assert_eq!(named("\u{200b}\u{7}"), "app.example", "nothing is left of it");
    assert_eq!(named(&"a".repeat(500)).len(), 80);
}

#[test]
fn dr_10_the_words_of_a_document_are_few_and_plain() {
    let about = read(|document| {
        document["contacts"] = json!(["me@app.example", "\u{1b}[2J", "a".repeat(500), "1", "2", "3", "4", "5"]);
        document["software_id"] = json!("\u{202e}x");
        document["software_version"] = json!("1.0");
    });
    let about = about.expect("a client").about;
    assert_eq!(about.contacts, ["me@app.example", "1", "2", "3", "4"]);
    assert_eq!((about.software_id, about.software_version.as_deref()), (None, Some("1.0")));
}

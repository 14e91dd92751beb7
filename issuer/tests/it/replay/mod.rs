//! Clients that cannot run here, as they are on the wire: each one's registration or document, its authorization request, and its token
//! requests, byte for byte but for what depends on the site. What is not written here in a request, the client does not send.

mod chatgpt;
mod claude_ai;
mod cursor;
mod vs_code;

use chancery_testkit::cast::{ALICE, BANK};
use chancery_testkit::{App, Site};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What a client sends. `{client_id}`, `{redirect_uri}`, `{resource}`, `{challenge}`, `{verifier}`, `{code}` and `{refresh_token}` stand
/// for values, encoded as forms have them.
struct Client {
    /// The headers of its requests to the issuer, besides those that say where to and how long.
    headers: &'static str,
    redirect_uri: &'static str,
    /// The query of its authorization request.
    authorize: &'static str,
    /// The bodies of its token requests.
    redeem: &'static str,
    refresh: &'static str,
}

/// An answer from the wire.
struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }

    fn granted(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        let tokens = self.json();
        assert!(tokens.as_object().expect("an object").values().all(|value| !value.is_null()), "{tokens}");
        assert_eq!(tokens["token_type"], "Bearer");
        assert!(tokens["expires_in"].is_i64() && tokens["refresh_token"].is_string() && tokens["scope"].is_string(), "{tokens}");
        tokens
    }
}

/// One request over a connection of its own.
#[expect(clippy::disallowed_methods, reason = "the test is the client")]
async fn send(site: &Site, (method, path): (&str, &str), headers: &str, body: &str) -> Answer {
    let host = site.base().strip_prefix("http://").expect("a site on loopback");
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}{length}\r\n{body}");
    let mut stream = TcpStream::connect(host).await.expect("the site listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    Answer { status: head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"), body: body.to_owned() }
}

impl Client {
    /// RFC 7591, as this client does it.
    async fn register(&self, site: &Site, body: &str) -> Answer {
        let headers = format!("{}content-type: application/json\r\n", self.headers);
        send(site, ("POST", "/t/demo/register"), &headers, body).await
    }

    /// From the authorization request to a token, its use, and its successor. Gives what the successor came with.
    async fn signs_in(&self, site: &Site, client_id: &str) -> Value {
        let resource = site.url(BANK);
        let redirect_uri = self.redirect_uri.to_owned();
        let app = App { id: client_id.to_owned(), secret: None, redirect_uri };
        let usual = [
            ("client_id", client_id),
            ("redirect_uri", self.redirect_uri),
            ("resource", &resource),
            ("challenge", CHALLENGE),
            ("verifier", VERIFIER),
        ];

        let (ask, browser) = (site.ask_as(app), site.browser());
        let page = browser.get(&format!("{}?{}", site.endpoint("authorize"), filled(self.authorize, &usual))).await;
        assert_eq!(page.status, 200, "{page:?}");
        let answer = ask.onwards(&browser, page, ALICE, true).await;
        let sent_to = answer.location();
        assert!(sent_to.as_str().starts_with(&format!("{}?", self.redirect_uri)), "{sent_to}");
        assert_eq!(answer.sent("iss").as_deref(), Some(&*site.issuer()));
        let state = |query: &str| query.split('&').find_map(|pair| pair.strip_prefix("state=")).map(str::to_owned);
        assert_eq!(state(sent_to.query().expect("a query")), state(self.authorize), "byte for byte");
        let code = ask.code(&answer, ALICE).code;

        let tokens = self.token(site, &filled(self.redeem, &[&usual[..], &[("code", &code)]].concat())).await.granted();
        let access = tokens["access_token"].as_str().expect("a token");
        let claims = chancery_testkit::claims(access);
        assert_eq!((&claims["aud"], &claims["client_id"]), (&json!(resource), &json!(client_id)));
        self.calls(site, access).await;

        let refresh = tokens["refresh_token"].as_str().expect("a token");
        let again = self.token(site, &filled(self.refresh, &[&usual[..], &[("refresh_token", refresh)]].concat())).await.granted();
        assert_ne!(again["refresh_token"], tokens["refresh_token"], "a public client's token is rotated");
        self.calls(site, again["access_token"].as_str().expect("a token")).await;
        again
    }

    async fn token(&self, site: &Site, body: &str) -> Answer {
        let headers = format!("{}content-type: application/x-www-form-urlencoded\r\n", self.headers);
        send(site, ("POST", "/t/demo/token"), &headers, body).await
    }

    async fn calls(&self, site: &Site, access: &str) {
        let hello = json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "replay", "version": "0" } },
        });
        let headers = format!(
            "{}authorization: Bearer {access}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n",
            self.headers
        );
        let path = site.url(BANK).strip_prefix(site.base()).expect("an address of the site").to_owned();
        let request = hello.to_string();
        let mut answer = raw(site, &path, &headers, &request).await;
        answer.truncate(12);
        assert_eq!(answer, "HTTP/1.1 200");
    }
}

/// As [`send`], where the body may come in any framing.
#[expect(clippy::disallowed_methods, reason = "the test is the client")]
async fn raw(site: &Site, path: &str, headers: &str, body: &str) -> String {
    let host = site.base().strip_prefix("http://").expect("a site on loopback");
    let request =
        format!("POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(host).await.expect("the site listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Pins a client's document, as its author publishes it: a site without a way out knows the client all the same.
async fn pinned(site: &Site, id: &str, document: &str) {
    site.apply(|file| file["registration"] = json!({ "dynamic": "closed", "documents": { "pinned": { id: document } } })).await;
    let metadata = site.metadata().await;
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
    assert!(metadata.get("registration_endpoint").is_none(), "{metadata}");
}

fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let encoded = |value: &str| url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
    let all = values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), &encoded(value)));
    assert!(!all.contains('{'), "{all}");
    all
}

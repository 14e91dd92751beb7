//! Whole runs at level debug, of the server and of the commands, with every kind of refusal that comes with a secret of somebody's; then all
//! that they told (logs, traces, metrics, what commands print, and what whoever was refused was answered) is searched for every secret that was issued or sent.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::Method;
use chancery_core::SystemClock;
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, EXCHANGE, SECRET, TENANT};
use chancery_testkit::{Answer, Browser, Form, Kind, Mcp, people, request};
use serde_json::{Value, json};
use url::Url;

use crate::app::{App, Tokens, VERIFIER};
use crate::process::{CHILD_KEY, COLLECTOR_KEY, Ended, Running, UPSTREAM_KEY, chancery, free_port};
use crate::served::Served;
use crate::telemetry::{Listener, SESSION};

const CHILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/clients/stdio_server.py");
/// What an app has sent back to it.
const STATE: &str = "what-the-app-knows-its-request-by";

/// What was secret in a run, each with what it was.
#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn add(&mut self, what: &str, secret: &str) {
        self.0.push((what.to_owned(), secret.to_owned()));
    }

    fn of_tokens(&mut self, tokens: &Tokens) {
        self.add("an access token", &tokens.access);
        self.add("a refresh token", &tokens.refresh);
    }

    /// What this browser was given: cookies, what pages are sealed by, and what identifies a journey on its way.
    fn of_browser(&mut self, browser: &Browser) {
        for answer in browser.diary() {
            let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
            for value in cookies.filter_map(|line| line.split(';').next()?.split_once('=')).map(|(_, value)| value) {
                if value.len() >= 16 {
                    self.add("a cookie", value);
                }
            }
            for (name, value) in Form::all(&answer).into_iter().flat_map(|form| form.fields).filter(|(name, _)| name == "page") {
                self.add(&format!("a form's {name}"), &value);
            }
            for url in [Some(answer.url.clone()), answer.status.is_redirection().then(|| answer.location())].into_iter().flatten() {
                for (name, value) in url.query_pairs().filter(|(name, _)| ["state", "nonce", "code"].contains(&&**name)) {
                    self.add(&format!("{name} in a redirect to {}", url.path()), &value);
                }
            }
        }
    }

    /// What went between us and the identity provider.
    fn of_provider(&mut self, served: &Served) {
        for (form, answer) in served.provider.exchanged() {
            for (name, value) in
                form.iter().filter(|(name, _)| ["code", "code_verifier", "refresh_token", "client_secret"].contains(&&**name))
            {
                self.add(&format!("{name} as the identity provider is sent it"), value);
            }
            for name in ["access_token", "refresh_token", "id_token"] {
                if let Some(value) = answer[name].as_str() {
                    self.add(&format!("{name} of the identity provider"), value);
                }
            }
        }
    }

    fn has(&self, what: &str) -> bool {
        self.0.iter().any(|(known, _)| known.starts_with(what))
    }

    fn are_not_in(&self, all: &str) {
        for (what, secret) in &self.0 {
            assert!(secret.len() >= 16, "{what} is too short to be searched for: {secret}");
            if let Some(at) = all.find(secret.as_str()) {
                let line = all[..at].rfind('\n').map_or(0, |end| end + 1);
                panic!("the output tells {what}: {}", all[line..].lines().next().unwrap_or_default());
            }
        }
        assert!(!all.contains("eyJ"), "the output has a JWT in it, such as an upstream's or an identity provider's");
    }
}

async fn nothing_tells_a_secret(format: &str) {
    let (collector, traces) = Listener::start("").await;
    let (upstream, behind) = Listener::start(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#).await;
    let port = free_port();
    let told = |file: &mut Value| {
        file["server"]["traces"] = json!({ "endpoint": traces, "headers": "env:COLLECTOR" });
        file["server"]["metrics"] = json!({ "listen": format!("127.0.0.1:{port}") });
        file["server"]["stdio"] = json!(["/usr/bin/python3"]);
        file["identity_providers"][0]["scopes"] = json!("openid profile email offline_access");
        file["access"] = json!([{ "groups": ["administrators"], "scopes": ["admin:read", "admin:revoke", "admin:register"] }]);
        file["resources"][0]["upstream"] =
            json!({ "url": format!("{behind}/mcp"), "header": { "name": "X-Api-Key", "value": "env:UPSTREAM_KEY" } });
        let child = json!({ "command": "/usr/bin/python3", "args": ["-u", CHILD], "env": { "TOKEN": "env:CHILD_KEY" } });
        file["resources"][1]["upstream"] = json!({ "stdio": child });
        file["resources"][1]["tools"]["complain"] = json!({ "scope": "exchange:convert" });
    };
    let served = Served::on(Kind::Sqlite, told).await.expect("SQLite is always there");
    served.provider.alter_claims(|claims| claims["groups"] = json!(["administrators"]));
    let mut command = chancery(&served.folder, &["serve", "--log", format]);
    command.env("CHANCERY_LOG", "debug");
    let mut server = Running::of(command, "listening on");
    let (mut secrets, refusals) = a_run(&served).await;
    let commands = commands(&served, &mut secrets).await;
    secrets.of_provider(&served);
    secrets.add("what the collector knows us by", COLLECTOR_KEY);

    let page = Browser::program(Arc::new(SystemClock)).get(&format!("http://127.0.0.1:{port}/metrics")).await.text();
    server.signal("TERM");
    server.wait();
    let mut sent = collector.heard();
    for (headers, _) in &mut sent {
        let shown = headers.remove("authorization").expect("the collector asks who we are");
        assert_eq!(shown, format!("Bearer {COLLECTOR_KEY}"));
    }
    let spans: String = sent.iter().map(|(headers, body)| format!("{headers:?} {}", String::from_utf8_lossy(body))).collect();
    assert!(spans.contains("/t/{tenant}/token") && spans.contains("upstream"), "the run was not traced: {spans}");
    assert!(upstream.heard().iter().any(|(headers, _)| headers.get("x-api-key").is_some_and(|key| key == UPSTREAM_KEY)));
    assert!(upstream.heard().iter().any(|(headers, _)| headers.get("mcp-session-id").is_some_and(|id| id == SESSION)));
    let logged = format!("{}\n{}", server.out(), server.err());
    assert!(logged.contains("DEBUG"), "it was not logged at level debug");
    assert!(logged.contains("the token is [secret]"), "the child's words are not in the log: {logged}");
    for what in [
        "a cookie",
        "a form's page",
        "state in a redirect to /idp",
        "state in a redirect to /callback",
        "state in a redirect to /t/demo/callback",
        "code in a redirect to /t/demo/callback",
        "nonce in a redirect to /idp",
        "code in a redirect to /callback",
        "code as the identity provider",
        "code_verifier as the identity provider",
        "refresh_token of the identity provider",
        "id_token of the identity provider",
        "a command's access token",
    ] {
        assert!(secrets.has(what), "the run had no {what}: {:?}", secrets.0.iter().map(|(what, _)| what).collect::<Vec<_>>());
    }
    for what in ["invalid_grant", "invalid_client", "invalid_request", "invalid_token", "<!doctype html>"] {
        assert!(refusals.contains(what), "nobody was refused by {what}: {refusals}");
    }
    secrets.are_not_in(&format!("{logged}\n{page}\n{spans}\n{commands}\n{refusals}"));
}

/// Signs in, calls, refreshes, and is refused in many ways. All that was secret in it, and what was answered to whoever was refused.
async fn a_run(served: &Served) -> (Secrets, String) {
    let mut secrets = Secrets::default();
    secrets.add("the agent's client secret, and ours at the identity provider", SECRET);
    secrets.add("an app's PKCE verifier", VERIFIER);
    let program = Browser::program(Arc::new(SystemClock)).keeping_a_diary();
    let app = App::registered_by(program.clone(), &served.base).await;
    let browser = Browser::new(Arc::new(SystemClock)).keeping_a_diary();
    let url = |server: &str| format!("{}/mcp/{server}", served.base);
    let asked = [("scope", "bank:read bank:transfer"), ("resource", &url(BANK)), ("state", STATE)];
    let code = app.approved_in(&browser, ALICE, &asked).await;
    let first = app.redeem(&code).await;
    let mut mcp = app.mcp(&first);
    mcp.call("transfer", json!({ "to": "bob", "amount": 1 })).await.answered();
    let second = app.refresh(&first).await;
    let third = app.refresh(&second).await;
    mcp.token = Some(third.access.clone());
    mcp.call("account_balance", json!({})).await.answered();
    secrets.add("the upstream's session", SESSION);
    secrets.add("a session as the client knows it", mcp.session.as_deref().expect("a session"));
    secrets.add("what the upstream knows us by", UPSTREAM_KEY);

    let asked = [("scope", "exchange:convert"), ("resource", &url(EXCHANGE)), ("state", STATE)];
    let at_child = app.redeem(&app.approved_in(&browser, ALICE, &asked).await).await;
    let mut child = Mcp::new(program.clone(), url(EXCHANGE), Some(at_child.access.clone()));
    child.call("complain", json!({ "times": 2 })).await.answered();
    secrets.add("a session with a child", child.session.as_deref().expect("a session"));
    for line in CHILD_KEY.lines() {
        secrets.add("a line of what the child was given", line);
    }
    for tokens in [&first, &second, &third, &at_child] {
        secrets.of_tokens(tokens);
    }
    secrets.add("a code", &code);

    let account = browser.get(&format!("{}/t/{TENANT}/apps", served.base)).await;
    assert!(!account.status.is_server_error(), "{account:?}");
    secrets.of_browser(&browser);

    let issuer = format!("{}/t/demo", served.base);
    let metadata = json!({ "client_name": "Another", "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_basic" });
    let registered = program.post_json(&format!("{issuer}/register"), &metadata).await.has_status(201).json();
    for name in ["client_secret", "registration_access_token"] {
        secrets.add(name, registered[name].as_str().unwrap_or_else(|| panic!("no {name}: {registered}")));
    }
    let strangers = "a-strangers-secret-that-is-none-of-ours-0123456789";
    let of_another = third.access.replace('.', ".x");
    secrets.add("what a stranger sent", strangers);
    secrets.add("a tampered token", &of_another);
    for form in [
        vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("client_id", "nobody")],
        vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", first.refresh.as_str()),
            ("client_id", AGENT_CLIENT),
            ("client_secret", strangers),
        ],
        vec![("grant_type", "refresh_token"), ("refresh_token", strangers), ("refresh_token", strangers)],
        vec![("grant_type", "client_credentials"), ("client_secret", SECRET), ("scope", strangers)],
    ] {
        assert!(program.post(&format!("{issuer}/token"), &form).await.status.is_client_error());
    }
    for path in ["revoke", "introspect", "register", "consent", "logout"] {
        program.post(&format!("{issuer}/{path}"), &[("token", &third.access), ("client_secret", strangers)]).await;
    }
    for path in ["authorize", "callback/idp", "resume", "authorize?client_id=x&state=", "nowhere"] {
        let sign = if path.contains('?') { "" } else { "?state=" };
        program.get(&format!("{issuer}/{path}{sign}{strangers}&code={code}&error_description={strangers}")).await;
    }
    let mcp = app.mcp(&third);
    for token in [strangers, of_another.as_str(), second.refresh.as_str()] {
        let mut wrong = mcp.clone();
        wrong.token = Some(token.to_owned());
        wrong.send("ping", json!({ "token": strangers })).await.challenged("invalid_token");
    }
    program.get(&format!("{}?access_token={}", mcp.url, third.access)).await;
    let broken = mcp.request(Method::POST).header("content-type", "application/json").header("cookie", format!("session={strangers}"));
    program.send(broken.body(Bytes::from(format!("{{\"{strangers}"))).expect("a request")).await;
    app.token(&[("grant_type", "refresh_token"), ("refresh_token", &first.refresh)]).await.refused(400, "invalid_grant");
    (secrets, [program.diary(), browser.diary()].concat().iter().filter_map(refusal).collect())
}

/// What a refusal says, in its body and in its challenge.
fn refusal(answer: &Answer) -> Option<String> {
    let refused = answer.status.is_client_error() || answer.status.is_server_error();
    refused.then(|| format!("{} {} {:?}: {}\n", answer.url.path(), answer.status, answer.header("www-authenticate"), answer.text()))
}

/// All that commands print beside the server and from afar, but for what they print so that somebody has it: the address that a login begins
/// at, and an initial access token.
async fn commands(served: &Served, secrets: &mut Secrets) -> String {
    let run = |arguments: &[&str]| -> Ended {
        chancery(&served.folder, arguments).env("CHANCERY_LOG", "debug").output().expect("the binary can be run").into()
    };
    let made = run(&["registration", "token", "--label", "partners"]);
    let initial = made.out.trim();
    secrets.add("an initial access token", initial);
    let metadata = json!({ "client_name": "A partner's", "redirect_uris": ["http://127.0.0.1/cb"], "token_endpoint_auth_method": "none" });
    let registering = request(Method::POST, &format!("{}/t/{TENANT}/register", served.base)).header("content-type", "application/json");
    let registering = registering.header("authorization", format!("Bearer {initial}")).body(Bytes::from(metadata.to_string()));
    let registered: Answer = Browser::program(Arc::new(SystemClock)).send(registering.expect("a request")).await;
    secrets.add("a registration token", registered.has_status(201).json()["registration_access_token"].as_str().expect("a token"));

    let mut told = format!("{}{}", made.err, logged_in(served, secrets).await);
    let afar = ["--server", served.base.as_str()];
    for (arguments, more) in [
        (&["plan"][..], &[][..]),
        (&["apply"], &[]),
        (&["doctor"], &[]),
        (&["audit", "tail", "--json", "-n", "10000"], &[]),
        (&["registration", "tokens"], &[]),
        (&["registration", "list"], &[]),
        (&["clients"], &afar),
        (&["subjects"], &afar),
        (&["grants"], &afar),
        (&["audit", "tail", "-n", "1000"], &afar),
        (&["revoke", "client", AGENT_CLIENT, "--dry-run"], &afar),
        (&["suspend", ALICE], &afar),
        (&["logout"], &afar),
        (&["clients"], &afar),
    ] {
        let ended = run(&[arguments, more].concat());
        assert!(!ended.out.is_empty() || !ended.err.is_empty(), "{arguments:?} says nothing");
        told += &format!("{}\n{}\n", ended.out, ended.err);
    }
    told
}

/// Logs the command line in; what it says beside the address where that begins.
async fn logged_in(served: &Served, secrets: &mut Secrets) -> String {
    let mut command = chancery(&served.folder, &["login", "--server", &served.base, "--tenant", TENANT, "--no-browser"]);
    command.env("CHANCERY_LOG", "debug");
    let mut login = Running::of(command, "resource=");
    let said = login.said();
    let address = said.split_whitespace().find(|word| word.starts_with("http")).expect("an address").to_owned();
    let begins = Url::parse(&address).expect("an address");
    let app = begins.query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, value)| value.into_owned()).expect("a redirect URI");
    let browser = Browser::new(Arc::new(SystemClock)).keeping_a_diary();
    let page = browser.get(&address).await;
    let back = people::go_on(&browser, page, ALICE, true, &Url::parse(&app).expect("an address")).await;
    browser.get(back.location().as_str()).await.has_status(200);
    login.says("You are logged in");
    login.wait();
    secrets.of_browser(&browser);
    let kept = std::fs::read_to_string(served.folder.path().join("config/chancery/credentials.json")).expect("what was given is kept");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    let mut found = Vec::new();
    texts(&kept, "", &mut found);
    for (name, value) in found.iter().filter(|(name, _)| name.contains("access") || name.contains("refresh")) {
        secrets.add(&format!("a command's {} token", if name.contains("access") { "access" } else { "refresh" }), value);
    }
    format!("{}\n{}", login.out().replace(&address, ""), login.err())
}

/// All texts of a document, each with the name of the member that it is.
fn texts(document: &Value, name: &str, found: &mut Vec<(String, String)>) {
    match document {
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts(item, name, found)),
        Value::Object(members) => members.iter().for_each(|(name, member)| texts(member, name, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_run_at_level_debug_tells_no_secret_as_text() {
    nothing_tells_a_secret("text").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_run_at_level_debug_tells_no_secret_as_json() {
    nothing_tells_a_secret("json").await;
}

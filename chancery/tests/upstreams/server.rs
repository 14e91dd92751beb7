//! A server that others wrote, behind a site of its own: where it stands, and what it heard of each request.

use std::fs;
use std::process::{Command, Stdio};

use chancery_testkit::{Kind, claims};
use serde_json::{Value, json};

use crate::process::{Ended, Running, chancery, free_port, run, write};
use crate::served::Served;

const FILE: &str = "chancery.yaml";
const DRAFTED: &str = "drafted";

/// What a resource of these tests is called.
pub const NAME: &str = "theirs";

/// What writes, nobody may.
const POLICY: &str = r#"
@id("read-only") forbid(principal, action == Chancery::Action::"call_tool", resource)
when { ["erase", "pay"].contains(context.target) };"#;

/// A site with one resource, and what is behind it.
pub struct Behind {
    pub site: Served,
    pub port: u16,
}

impl Behind {
    /// The site with this resource, whose upstream is where the server will listen. Neither runs yet.
    pub async fn a_site(resource: impl FnOnce(&str) -> Value) -> Self {
        let port = free_port();
        let mut resource = resource(&address(port));
        resource["name"] = json!(NAME);
        resource["scopes"] = json!({ "their:read": "Read", "their:write": "Write" });
        resource["default_scope"] = json!("their:read");
        let site = Served::on(Kind::Sqlite, |file| {
            file["server"]["stdio"] = resource["upstream"]["stdio"]["command"].as_str().into_iter().collect();
            file["resources"] = json!([resource]);
            file["policies"] = json!(POLICY);
        });
        Self { site: site.await.expect("SQLite is here"), port }
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("{}/mcp/{NAME}", self.site.base)
    }

    /// Where the gateway finds it.
    pub fn address(&self) -> String {
        address(self.port)
    }

    pub fn issuer(&self) -> String {
        format!("{}/t/demo", self.site.base)
    }

    /// Each of these comes to stand in the log.
    pub async fn logs(&self, kinds: &[&str]) {
        self.site.audit_when(|log| kinds.iter().all(|kind| log.iter().any(|event| event["kind"] == *kind))).await;
    }

    /// The resource is another one from now on, as `chancery import` drafts it from what the server says to whoever bears this; gives its address.
    pub fn drafted(&self, token: Option<&str>) -> String {
        let mut import = self.import();
        import.arg(self.address());
        if let Some(token) = token {
            import.env("TOKEN", format!("Bearer {token}")).args(["--header", "Authorization=env:TOKEN"]);
        }
        self.becomes(import)
    }

    /// The same of a program, which is run with a key and the address as its environment.
    pub fn drafted_of(&self, program: &[&str]) -> String {
        let mut import = self.import();
        import.args(["--stdio", "--env", "KEY=env:SECRET", "--setting"]).arg(format!("OF={}", self.address())).arg("--").args(program);
        self.becomes(import)
    }

    fn import(&self) -> Command {
        chancery(&self.site.folder, &["import", "--name", DRAFTED])
    }

    fn becomes(&self, mut import: Command) -> String {
        let drafted = Ended::from(import.output().expect("the binary can be run"));
        drafted.with(0, &["CHECK"]);
        let file = fs::read_to_string(self.site.folder.path().join(FILE)).expect("we wrote it");
        let mut file: Value = serde_json::from_str(&file).expect("JSON, which is YAML");
        let members = file.as_object_mut().expect("an object");
        members.retain(|key, _| !["resources", "policies"].contains(&key.as_str()));
        let kept: String = members.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        // The token was good for this test's reading alone: from now on the server sees one of ours for each caller.
        let draft: Vec<&str> = drafted.out.lines().filter(|line| !line.contains("it let `import` in by")).collect();
        write(&self.site.folder, FILE, &format!("{kept}{}\n", draft.join("\n")));
        run(&self.site.folder, &["apply"]).with(0, &["version 2"]);
        format!("{}/mcp/{DRAFTED}", self.site.base)
    }

    /// Every request carried a token that we made for this server and nobody else, and none the caller's. Gives the last.
    pub fn heard_our_token(&self, server: &mut Running, callers: &str) -> String {
        let tokens = heard(server, callers).into_iter().map(|headers| {
            let token = headers["authorization"].as_str().and_then(|value| value.strip_prefix("Bearer "));
            let token = token.unwrap_or_else(|| panic!("no token: {headers:#}")).to_owned();
            let claims = claims(&token);
            assert_eq!((&claims["iss"], &claims["aud"]), (&json!(self.issuer()), &json!(self.address())), "{claims:#}");
            token
        });
        tokens.collect::<Vec<_>>().pop().expect("it heard something")
    }
}

fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}/mcp")
}

/// The headers of all requests up to the session's DELETE. The caller's token is in none, and nothing tells that a person has cookies.
pub fn heard(server: &mut Running, callers: &str) -> Vec<Value> {
    server.says("\"method\":\"DELETE\"");
    let said = server.said();
    assert!(!said.contains(callers), "the caller's token came through");
    let heard = said.lines().filter_map(|line| line.strip_prefix("heard "));
    let heard: Vec<Value> = heard.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    assert!(heard.len() > 5, "{said}");
    assert!(heard.iter().all(|request| request["headers"].get("cookie").is_none()), "{heard:#?}");
    heard.into_iter().map(|mut request| request["headers"].take()).collect()
}

/// A program that tells what it does.
pub fn told(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What is there; or a failure under `CI=true`, and loud words elsewhere.
pub fn or_skipped<T>(name: &str, there: Result<T, String>) -> Option<T> {
    there
        .inspect_err(|why| {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} cannot be run: {why}");
            eprintln!("\n*** SKIPPED, NOT PASSED: {name} cannot be run: {why}\n");
        })
        .ok()
}

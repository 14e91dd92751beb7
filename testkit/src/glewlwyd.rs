//! Glewlwyd, an identity provider written in C by people who know nothing of us: a server for each test, on loopback, with a database of its
//! own. Its metadata names endpoints with a doubled slash, which its issuer has not.
//!
//! It is Debian's package. Where it is not installed, `CI=true` makes that a failure; otherwise it is said loudly and the test is skipped.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use chancery_core::SystemClock;
use http::{Method, header};
use serde_json::{Value, json};
use url::Url;

use crate::cast::{ALICE, BOB, Person, SECRET, SECRET_REF};
use crate::people::PASSWORD;
use crate::postgres::free_port;
use crate::readiness::comes_up;
use crate::{Answer, Browser, Folder, request};

/// Where Debian keeps the statements that make its tables.
const TABLES: &str = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";
/// What ID tokens are signed with. It is in the repository: it protects nothing.
const KEY: [&str; 2] = [include_str!("glewlwyd/private.pem"), include_str!("glewlwyd/public.pem")];
/// The site's id there; its secret is the cast's.
const CLIENT: &str = "chancery";

pub struct Glewlwyd {
    base: String,
    process: Child,
    _folder: Folder,
}

impl Glewlwyd {
    /// Knows the people of these tests, and one confidential client that may return to these addresses. None where it is not installed and
    /// that is allowed.
    ///
    /// # Panics
    /// Under `CI=true`, where a missing server is a failure, and where it does not do as it is told.
    pub async fn start(callbacks: &[&str]) -> Option<Self> {
        let started = tokio::task::spawn_blocking(started).await.expect("starting does not panic");
        match started {
            Ok(server) => {
                server.set_up(callbacks).await;
                Some(server)
            }
            Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no Glewlwyd for the tests: {why}"),
            Err(why) => {
                eprintln!("\n*** SKIPPED, NOT PASSED: no Glewlwyd for this test: {why}\n");
                None
            }
        }
    }

    pub fn issuer(&self) -> String {
        format!("{}/api/oidc", self.base)
    }

    /// How the site's file names it.
    pub fn declared(&self, name: &str) -> Value {
        json!({ "name": name, "issuer": self.issuer(), "client_id": CLIENT, "client_secret": SECRET_REF, "scopes": "openid" })
    }

    async fn set_up(&self, callbacks: &[&str]) {
        let administrator = Browser::new(Arc::new(SystemClock));
        let told = async |path: &str, body: Value| {
            let answer = administrator.post_json(&format!("{}/api/{path}", self.base), &body).await;
            answer.has_status(200);
        };
        told("auth/", json!({ "username": "admin", "password": "password" })).await;
        told("mod/plugin/", plugin(&self.issuer())).await;
        for name in [ALICE, BOB] {
            let person = json!({ "username": name, "name": name, "password": PASSWORD, "scope": ["openid"], "enabled": true });
            told("user/?source=database", person).await;
        }
        let client = json!({
            "client_id": CLIENT,
            "client_secret": SECRET,
            "confidential": true,
            "redirect_uri": callbacks,
            "authorization_type": ["code", "refresh_token"],
            "token_endpoint_auth_method": ["client_secret_basic", "client_secret_post"],
            "scope": [],
            "enabled": true,
        });
        told("client/?source=database", client).await;
    }
}

impl Drop for Glewlwyd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn plugin(issuer: &str) -> Value {
    json!({
        "module": "oidc",
        "name": "oidc",
        "display_name": "OpenID Connect",
        "parameters": {
            "iss": issuer,
            "jwt-type": "ecdsa",
            "jwt-key-size": "256",
            "key": KEY[0],
            "cert": KEY[1],
            "access-token-duration": 600,
            "refresh-token-duration": 86400,
            "code-duration": 60,
            "refresh-token-rolling": true,
            "auth-type-code-enabled": true,
            "auth-type-refresh-enabled": true,
            "auth-type-id-token-enabled": true,
            "pkce-allowed": true,
            "pkce-method-plain-allowed": false,
            "subject-type": "public",
            "name-claim": "on-demand",
            "name-claim-scope": ["openid"],
        },
    })
}

fn started() -> Result<Glewlwyd, String> {
    let folder = Folder::new();
    let tables = File::open(TABLES).map_err(|error| format!("{TABLES}: {error}; is Debian's package glewlwyd installed?"))?;
    let database = folder.path().join("glewlwyd.db");
    let made = Command::new("sqlite3").arg(&database).stdin(tables).status();
    made.map_err(|error| error.to_string()).and_then(|status| status.success().then_some(()).ok_or("sqlite3 fails".to_owned()))?;

    let port = free_port()?;
    let file = folder.path().join("glewlwyd.conf");
    let text = configuration(port, &database.to_string_lossy());
    let log = fs::write(&file, text).and_then(|()| File::create(folder.path().join("log"))).map_err(|error| error.to_string())?;
    let mut command = Command::new("glewlwyd");
    command.arg("--config-file").arg(&file).stdin(Stdio::null()).stdout(log).stderr(Stdio::null());
    let process = command.spawn().map_err(|error| format!("glewlwyd cannot be run: {error}"))?;
    let server = Glewlwyd { base: format!("http://127.0.0.1:{port}"), process, _folder: folder };
    if comes_up(port, "/config") { Ok(server) } else { Err("it did not come up".to_owned()) }
}

fn configuration(port: u16, database: &str) -> String {
    format!(
        r#"port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}/"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
cookie_secure=0
admin_scope="g_admin"
profile_scope="g_profile"
static_files_path="/usr/share/glewlwyd/webapp/"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database={{type="sqlite3";path="{database}"}}
"#
    )
}

/// Whether this page is Glewlwyd's, where a script does what forms do elsewhere.
pub(crate) fn is_login(page: &Url) -> bool {
    page.path().ends_with("/login.html") && parameter(page, "callback_url").is_some()
}

/// What that script does when a person logs in and lets the client have the scopes.
pub(crate) async fn log_in(browser: &Browser, page: &Url, person: Person) -> Answer {
    let at = |path: &str| page.join(path).expect("a path of the page's own server").to_string();
    browser.post_json(&at("/api/auth/"), &json!({ "username": person, "password": PASSWORD })).await.has_status(200);
    let scope = json!({ "scope": parameter(page, "scope").unwrap_or_default() });
    let client = parameter(page, "client_id").expect("the page says for whom");
    let grant = request(Method::PUT, &at(&format!("/api/auth/grant/{client}"))).header(header::CONTENT_TYPE, "application/json");
    browser.send(grant.body(Bytes::from(scope.to_string())).expect("a request")).await.has_status(200);
    let onwards = parameter(page, "callback_url").expect("the page says where it goes on");
    browser.get(&format!("{onwards}&g_continue")).await
}

fn parameter(page: &Url, name: &str) -> Option<String> {
    page.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

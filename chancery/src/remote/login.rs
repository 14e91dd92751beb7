//! `chancery login` (RFC 8252; OAuth 2.1 §4.1): the person signs in and allows it in their own browser, and the code comes to a port of
//! loopback that only this process listens on. PKCE binds it to this process, `state` and `iss` to this login.

use std::process::{Command, Stdio};
use std::time::Duration;

use chancery_core::Rng as _;
use chancery_crypto::digest::{base64url, pkce_s256, same};
use chancery_crypto::random::SystemRng;
use chancery_registry::CLI_CLIENT;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use url::Url;

use super::discovery::{self, Found};
use super::{fetcher, tokens};
use crate::exit::{Exit, Failure};
use crate::print;

/// How long a person may take to sign in and decide.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long a browser may take to say its request.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// No request line of the browser's is longer.
const LONGEST_LINE: u64 = 16 * 1024;

/// What is kept of a login. It has no `Debug`: it holds tokens.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    pub issuer: String,
    pub admin: String,
    pub token_endpoint: String,
    pub revocation_endpoint: String,
    /// What was given.
    pub scope: String,
    pub access_token: String,
    pub refresh_token: Option<String>,
    /// When the access token ends, in seconds since 1970.
    pub ends_at: i64,
}

/// What one login is known by on its way.
struct Attempt {
    state: String,
    verifier: String,
    redirect_uri: String,
}

/// Logs in at a server's tenant.
///
/// # Errors
/// [`Exit::Refused`] where it was not allowed, [`Exit::Server`] where the server does not answer, in words for the person.
pub async fn log_in(server: &str, tenant: &str, scope: Option<&str>, browser: bool) -> Result<Login, Failure> {
    let fetcher = fetcher()?;
    let found = discovery::find(&fetcher, server, tenant).await?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) = listener.map_err(|error| Failure::new(Exit::Address, "no port of loopback is free").because(error))?;
    let attempt = Attempt { state: random(), verifier: random(), redirect_uri: format!("http://{address}/callback") };

    let url = attempt.url(&found, scope)?;
    print::line(&format_args!("Sign in here, and allow the command line to administer {tenant}:\n\n  {url}\n"))?;
    if browser {
        open_browser(url.as_str());
    }
    let waited = timeout(PATIENCE, attempt.answer(&listener, &found)).await;
    let code = waited
        .map_err(|_| Failure::new(Exit::Refused, "nobody came back from the browser within ten minutes").remedy("log in again"))??;
    tokens::redeem(&fetcher, &found, &code, &attempt.verifier, &attempt.redirect_uri).await
}

impl Attempt {
    fn url(&self, found: &Found, scope: Option<&str>) -> Result<Url, Failure> {
        let mut url = Url::parse(&found.authorization_endpoint)
            .map_err(|error| Failure::new(Exit::Server, "the server's authorization endpoint is no address").because(error))?;
        let scope = scope.map_or_else(|| found.scopes.join(" "), str::to_owned);
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", CLI_CLIENT),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &scope),
            ("state", &self.state),
            ("code_challenge", &pkce_s256(&self.verifier)),
            ("code_challenge_method", "S256"),
            ("resource", &found.admin),
        ]);
        Ok(url)
    }

    /// Waits for the answer that belongs to this login. Whatever else comes to the port is shown away: another page must neither end a
    /// login nor give it an answer.
    async fn answer(&self, listener: &TcpListener, found: &Found) -> Result<String, Failure> {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { continue };
            let Ok(Some(target)) = timeout(REQUEST_TIME, asked(&mut stream)).await else { continue };
            let Some(answer) = self.read(&target, found) else {
                say(&mut stream, "404 Not Found", "Nothing is here.").await;
                continue;
            };
            let words = if answer.is_ok() {
                "You are logged in. This window can be closed."
            } else {
                "You are not logged in; the terminal says why."
            };
            say(&mut stream, "200 OK", words).await;
            return answer;
        }
    }

    /// The code, or why there is none; nothing where this is no answer of ours.
    fn read(&self, target: &str, found: &Found) -> Option<Result<String, Failure>> {
        let url = Url::parse("http://127.0.0.1/").ok()?.join(target).ok()?;
        let one = |name: &str| {
            let mut values = url.query_pairs().filter(|(known, _)| known == name).map(|(_, value)| value.into_owned());
            values.next().filter(|_| values.next().is_none())
        };
        let ours = one("state").is_some_and(|state| same(state.as_bytes(), self.state.as_bytes()));
        if url.path() != "/callback" || !ours || one("iss").as_deref() != Some(&found.issuer) {
            return None; // IS-01
        }
        let refused = || {
            let (error, words) = (one("error").unwrap_or_default(), one("error_description").unwrap_or_default());
            let plain = |text: String| text.chars().filter(|c| !c.is_control()).collect::<String>();
            Failure::new(Exit::Refused, "you were not logged in")
                .because(plain(format!("{error}: {words}")))
                .remedy("log in again; where your groups do not give it to you, ask whoever writes the `access` rules")
        };
        Some(one("code").ok_or_else(refused))
    }
}

/// The target of a GET, or nothing. Headers are read to their end, so that the browser has said all it wants.
async fn asked(stream: &mut TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream.take(LONGEST_LINE * 4)).lines();
    let first = lines.next_line().await.ok()??;
    while lines.next_line().await.ok()?.is_some_and(|line| !line.is_empty()) {}
    first.strip_prefix("GET ")?.split(' ').next().map(str::to_owned)
}

async fn say(stream: &mut TcpStream, status: &str, words: &str) {
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{words}",
        words.len()
    );
    // A browser that went away has nothing to be told.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Where there is no browser to open, the person has the address.
fn open_browser(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let _ = Command::new(opener).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}

fn random() -> String {
    let mut bytes = [0; 32];
    SystemRng.fill(&mut bytes);
    base64url(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        let at = |path: &str| format!("https://gw.example/t/acme{path}");
        Found {
            issuer: at(""),
            authorization_endpoint: at("/authorize"),
            token_endpoint: at("/token"),
            revocation_endpoint: at("/revoke"),
            admin: at("/admin"),
            scopes: vec!["admin:read".to_owned(), "admin:apply".to_owned()],
        }
    }

    fn attempt() -> Attempt {
        Attempt { state: "s".to_owned(), verifier: "v".to_owned(), redirect_uri: "http://127.0.0.1:1/callback".to_owned() }
    }

    #[test]
    fn is_01_only_the_answer_to_this_login_is_heard() {
        const ISSUER: &str = "iss=https%3A%2F%2Fgw.example%2Ft%2Facme";
        let read = |target: &str| attempt().read(target, &found());
        let good = format!("/callback?code=c&state=s&{ISSUER}");
        assert_eq!(read(&good).and_then(Result::ok).as_deref(), Some("c"));
        for strange in [
            format!("/callback?code=c&state=other&{ISSUER}"),
            format!("/callback?code=c&{ISSUER}"),
            format!("/callback?code=c&state=s&state=s&{ISSUER}"),
            "/callback?code=c&state=s".to_owned(),
            "/callback?code=c&state=s&iss=https%3A%2F%2Fevil.example".to_owned(),
            format!("/other?code=c&state=s&{ISSUER}"),
            "/favicon.ico".to_owned(),
            "//evil.example/callback".to_owned(),
        ] {
            assert!(read(&strange).is_none(), "{strange}");
        }
        let refused = read(&format!("/callback?error=access_denied&error_description=no%1b%5B2J&state=s&{ISSUER}"));
        let failure = refused.and_then(Result::err).expect("a refusal of ours");
        assert_eq!(failure.why, "access_denied: no[2J");
    }

    #[test]
    fn pk_01_the_request_is_bound_to_this_process_and_for_the_admin_api_alone() {
        let url = attempt().url(&found(), None).expect("an address").to_string();
        for part in [
            "code_challenge_method=S256",
            "scope=admin%3Aread+admin%3Aapply",
            "resource=https%3A%2F%2Fgw.example%2Ft%2Facme%2Fadmin",
            "client_id=chancery-cli",
        ] {
            assert!(url.contains(part), "{part}: {url}");
        }
        assert!(!url.contains("code_verifier"), "{url}");
    }
}

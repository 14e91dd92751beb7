//! The conversation. Steps: 1. `server/discover`, which every server of 2026-07-28 answers; 2. else `initialize`, as before it; 3.
//! `tools/list`, page by page; 4. goodbye. It has an end in time, in pages and in tools, whatever the server does.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::Offer;
use super::http::Http;
use super::spelling::shown;
use super::stdio::Stdio;
use super::trouble::Trouble;

pub(super) const STATELESS: &str = "2026-07-28";
const SESSIONS: &str = "2025-11-25";
/// What may come of `initialize`.
const OF_BEFORE: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// Programs of before may leave unanswered what they do not know.
const DISCOVERY: Duration = Duration::from_secs(10);
/// A list that has more pages or tools has no end.
const MOST_PAGES: usize = 1_000;
const MOST_TOOLS: usize = 10_000;
const LONGEST_CURSOR: usize = 8_192;

/// The way to a server.
pub enum Line {
    Http(Box<Http>),
    Stdio(Box<Stdio>),
}

/// Reads what a server offers, telling on the way what is done.
///
/// # Errors
/// [`Trouble`].
pub async fn read(line: &mut Line, time: Duration, tell: impl Fn(&str)) -> Result<Offer, Trouble> {
    let mut talk = Talk { line, time, until: Instant::now() + time, last: 0, stateless: true, tell };
    let offer = talk.whole().await;
    talk.line.leave().await;
    offer
}

/// Whether a message answers the request of this id. An error of a request that could not be read has none.
pub(super) fn answers(message: &Value, id: &Value) -> bool {
    let error = message.get("error").is_some_and(Value::is_object);
    message.get("method").is_none()
        && ((error && message["id"].is_null()) || (message["id"] == *id && (error || message.get("result").is_some())))
}

impl Line {
    async fn exchange(&mut self, message: &Value) -> Result<Option<Value>, Trouble> {
        match self {
            Self::Http(line) => line.exchange(message).await,
            Self::Stdio(line) => line.exchange(message).await,
        }
    }

    async fn leave(&mut self) {
        match self {
            Self::Http(line) => line.leave().await,
            Self::Stdio(line) => line.leave().await,
        }
    }

    /// Some open a session at whatever comes first.
    async fn begin_anew(&mut self) {
        if let Self::Http(line) = self {
            line.leave().await;
        }
    }

    fn agreed(&mut self, version: &str) {
        if let Self::Http(line) = self {
            line.agreed(version);
        }
    }
}

struct Talk<'a, T> {
    line: &'a mut Line,
    time: Duration,
    until: Instant,
    last: u64,
    stateless: bool,
    tell: T,
}

impl<T: Fn(&str)> Talk<'_, T> {
    async fn whole(&mut self) -> Result<Offer, Trouble> {
        let mut offer = self.greeted().await?;
        if let Some(title) = &offer.title {
            (self.tell)(&format!("it calls itself \"{title}\""));
        }
        self.list(&mut offer).await?;
        Ok(offer)
    }

    async fn greeted(&mut self) -> Result<Offer, Trouble> {
        (self.tell)(&format!("asking for server/discover ({STATELESS})"));
        let why = match self.ask("server/discover", json!({}), DISCOVERY).await {
            Ok(result) if supports(&result, STATELESS) => return Ok(offer(STATELESS, &result)),
            Ok(_) => "it names other versions".to_owned(),
            Err(Trouble::Silent(_)) => "it says nothing to that".to_owned(),
            Err(Trouble::Broken(why)) => why,
            Err(trouble) if trouble.may_be_of_before() => "it does not know that".to_owned(),
            Err(trouble) => return Err(trouble),
        };
        (self.tell)(&format!("{why}; asking for initialize ({SESSIONS})"));
        self.line.begin_anew().await;
        self.stateless = false;
        let hello = json!({ "protocolVersion": SESSIONS, "capabilities": {}, "clientInfo": client() });
        let result = self.ask("initialize", hello, self.time).await?;
        let version = result["protocolVersion"].as_str().unwrap_or_default();
        let Some(version) = OF_BEFORE.iter().find(|known| **known == version) else {
            let version = shown(version).unwrap_or_else(|| "no version".to_owned());
            return Err(Trouble::NoMcp(format!("it wants to speak {version} of MCP, which is not known here")));
        };
        self.line.agreed(version);
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }), self.time).await?;
        Ok(offer(version, &result))
    }

    async fn list(&mut self, offer: &mut Offer) -> Result<(), Trouble> {
        let (mut cursors, mut params) = (BTreeSet::new(), json!({}));
        while cursors.len() < MOST_PAGES {
            let page = match self.ask("tools/list", params, self.time).await {
                Err(Trouble::Said(_)) if !offer.names_tools => return Ok(()),
                page => page?,
            };
            let tools = page["tools"].as_array().ok_or_else(|| Trouble::Said("its answer to tools/list holds no tools".to_owned()))?;
            for listed in tools {
                offer.take(listed);
                if offer.heard() > MOST_TOOLS {
                    return Err(Trouble::TooMuch(format!("it has more than {MOST_TOOLS} tools")));
                }
            }
            (self.tell)(&format!("{} tools so far", offer.heard()));
            match page["nextCursor"].as_str() {
                None => return Ok(()),
                Some(next) if next.len() > LONGEST_CURSOR => break,
                Some(next) if !cursors.insert(next.to_owned()) => break,
                Some(next) => params = json!({ "cursor": next }),
            }
        }
        Err(Trouble::TooMuch(format!("its list of tools does not end: {} tools on {} pages, and more", offer.heard(), cursors.len())))
    }

    /// The result of a request.
    async fn ask(&mut self, method: &str, mut params: Value, most: Duration) -> Result<Value, Trouble> {
        if self.stateless {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": STATELESS,
                "io.modelcontextprotocol/clientInfo": client(),
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        self.last += 1;
        let message = json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params });
        let mut answer = self.send(&message, most).await?.unwrap_or_default();
        match answer.get("error") {
            None => Ok(answer["result"].take()),
            Some(error) => {
                let words = error["message"].as_str().and_then(shown).unwrap_or_else(|| "nothing that can be shown".to_owned());
                Err(Trouble::Said(format!("it answers {method} with error {}: {words}", error["code"].as_i64().unwrap_or_default())))
            }
        }
    }

    async fn send(&mut self, message: &Value, most: Duration) -> Result<Option<Value>, Trouble> {
        let (until, waited) = if Instant::now() + most < self.until { (Instant::now() + most, most) } else { (self.until, self.time) };
        timeout_at(until, self.line.exchange(message)).await.unwrap_or(Err(Trouble::Silent(waited)))
    }
}

fn supports(result: &Value, version: &str) -> bool {
    result["supportedVersions"].as_array().is_some_and(|versions| versions.iter().any(|supported| supported == version))
}

/// What its greeting says; the tools are still to come.
fn offer(version: &str, greeting: &Value) -> Offer {
    let name = |info: &Value| info["title"].as_str().or(info["name"].as_str()).and_then(shown);
    let title = name(&greeting["serverInfo"]).or_else(|| name(&greeting["_meta"]["io.modelcontextprotocol/serverInfo"]));
    let has = |capability: &str| greeting["capabilities"][capability].is_object();
    Offer {
        version: version.to_owned(),
        title,
        names_tools: has("tools"),
        resources: has("resources"),
        prompts: has("prompts"),
        ..Offer::default()
    }
}

fn client() -> Value {
    json!({ "name": "chancery-import", "version": env!("CARGO_PKG_VERSION") })
}

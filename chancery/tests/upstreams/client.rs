//! The MCP TypeScript SDK v1 in front of a site, on a journey that a test plans (testkit/clients/mcp-journey.mjs).

use chancery_testkit::node;
use serde_json::{Value, json};

use crate::process::Ended;

pub struct Client;

const SCRIPT: &str = "mcp-journey.mjs";

/// What the client saw, step by step, and what became of its session.
pub struct Journey(Value);

impl Client {
    /// None where there is none, and that is allowed.
    pub fn here() -> Option<Self> {
        node::script(SCRIPT).map(|_| Self)
    }

    /// Alice signs in, and the steps are taken in one session, which is deleted at the end.
    pub fn goes(&self, server: &str, steps: &Value) -> Journey {
        let mut client = node::script(SCRIPT).expect("it was here");
        let ended = Ended::from(client.args([server, &steps.to_string(), "alice"]).output().expect("node runs"));
        ended.with(0, &[]);
        let journey: Value = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}", ended.out));
        assert_eq!(journey["version"], "2025-11-25", "{journey:#}");
        Journey(journey)
    }
}

impl Journey {
    pub fn step(&self, at: usize) -> &Value {
        &self.0["steps"][at]
    }

    /// What this step came to.
    pub fn result(&self, at: usize) -> &Value {
        let step = self.step(at);
        assert!(step["result"].is_array() || step["result"].is_object(), "{:#}", self.0);
        assert!(step["result"]["isError"] != true, "{step:#}");
        &step["result"]
    }

    /// The names of a list, sorted.
    pub fn listed(&self, at: usize) -> Vec<&str> {
        let mut names: Vec<&str> = self.result(at).as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The text that a tool gave.
    pub fn text(&self, at: usize) -> &str {
        self.result(at)["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {:#}", self.step(at)))
    }

    /// The gateway refused this step, for this reason.
    pub fn refused(&self, at: usize, reason: &str) {
        let error = &self.step(at)["error"];
        assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32010), &json!(reason)), "{:#}", self.step(at));
    }

    /// What its server asked the client in this step, and how much progress was heard.
    pub fn asked(&self, at: usize, method: &str, progress: usize) {
        let step = self.step(at);
        assert_eq!((&step["asked"], step["progress"].as_array().map(Vec::len)), (&json!([method]), Some(progress)), "{step:#}");
    }

    /// The session was there, and once it was deleted, its server answers so to whoever names it.
    pub fn ended(&self, afterwards: u16) {
        assert!(self.0["session"].is_string(), "{:#}", self.0);
        assert_eq!(self.0["afterwards"], afterwards, "{:#}", self.0);
    }

    pub fn token(&self) -> &str {
        self.0["token"].as_str().expect("a token")
    }

    pub fn client(&self) -> &Value {
        &self.0["client"]["client_id"]
    }
}

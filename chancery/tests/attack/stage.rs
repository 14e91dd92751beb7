//! A site with a recorder in the bank's place, Alice's token for it, and a socket to the listener.

use chancery_testkit::cast::{ALICE, PUBLIC_CLIENT};
use chancery_testkit::{Site, Tokens};

use crate::memory::Turn;
use crate::recorder::{Reached, Recorder};
use crate::wire::{self, Said};

/// A call that Alice's token permits.
pub const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"account_balance","arguments":{}}}"#;
/// A call that it does not.
pub const TRANSFER: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"transfer","arguments":{}}}"#;

pub struct Stage {
    pub site: Site,
    pub alice: Tokens,
    pub upstream: Recorder,
    /// Of the listener, as a Host header names it.
    pub host: String,
    _turn: Turn,
}

impl Stage {
    pub async fn set() -> Self {
        Self::in_turn(Turn::with_others().await).await
    }

    /// For a test that measures memory.
    pub async fn alone() -> Self {
        Self::in_turn(Turn::alone().await).await
    }

    async fn in_turn(turn: Turn) -> Self {
        let site = Site::on_sqlite().await;
        let upstream = Recorder::start().await;
        site.apply(|file| file["resources"][0]["upstream"]["url"] = upstream.url.clone().into()).await;
        let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let host = site.base().trim_start_matches("http://").to_owned();
        let stage = Self { site, alice, upstream, host, _turn: turn };
        assert_eq!(stage.tells(stage.plain(CALL)).await, ("200, after".to_owned(), 1), "the stage is set");
        stage
    }

    /// The first lines of a call, up to the headers that a test adds.
    pub fn line(&self) -> String {
        format!("POST /mcp/bank HTTP/1.1\r\nHost: {}\r\n", self.host)
    }

    pub fn authorization(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.alice.access)
    }

    /// A call's head with more headers, which say how long the body is.
    pub fn head(&self, more: &str) -> String {
        format!("{}{}Content-Type: application/json\r\n{more}\r\n", self.line(), self.authorization())
    }

    /// A call that nothing is wrong with.
    pub fn plain(&self, body: &str) -> Vec<u8> {
        self.with("", body)
    }

    /// The same with more headers.
    pub fn with(&self, more: &str, body: &str) -> Vec<u8> {
        (self.head(&format!("{more}Content-Length: {}\r\n", body.len())) + body).into_bytes()
    }

    /// An honest request that is the last of its connection: if it is answered, what came before had an end that both sides agree on.
    pub fn after(&self) -> String {
        format!("GET /.well-known/oauth-protected-resource/mcp/bank HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.host)
    }

    /// Says this and an honest request [after](Self::after) it; what was answered.
    pub async fn hears(&self, mut bytes: Vec<u8>) -> Said {
        bytes.extend_from_slice(self.after().as_bytes());
        wire::say(&self.host, &bytes).await
    }

    /// The same in short: the statuses, and how many requests reached the upstream.
    pub async fn tells(&self, bytes: impl Into<Vec<u8>>) -> (String, usize) {
        let said = self.hears(bytes.into()).await;
        (said.short(), self.reached().len())
    }

    /// What reached the upstream since it was asked last; the caller's token is never in it.
    pub fn reached(&self) -> Vec<Reached> {
        let reached = self.upstream.take();
        for one in &reached {
            assert!(!one.head.contains(&self.alice.access), "the caller's token went on: {}", one.head); // MC-02
            assert!(!String::from_utf8_lossy(&one.body).contains(&self.alice.access), "the caller's token went on");
        }
        reached
    }

    /// Runs a table of attacks: what is said, what is answered, and how many requests reach the upstream. All that differ are told.
    pub async fn plays(&self, table: Vec<(&str, Vec<u8>, &str, usize)>) {
        let mut wrong = Vec::new();
        for (name, bytes, answered, reached) in table {
            let told = self.tells(bytes).await;
            if told != (answered.to_owned(), reached) {
                wrong.push(format!("{name}: expected {answered:?} and {reached} upstream, got {:?} and {}", told.0, told.1));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

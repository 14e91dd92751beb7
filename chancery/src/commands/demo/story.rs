//! The demo as it is told: lines for people, or with `--json` one object a line.

use std::path::PathBuf;

use chancery_audit::Entry;
use chancery_demo::journey::{Arrived, Report, Step};
use serde_json::{Value, json};

use crate::commands::event_line;
use crate::exit::Failure;
use crate::print;

/// Where this demo is.
pub struct Place {
    pub base: String,
    pub folder: PathBuf,
    pub socket: PathBuf,
    pub bank: String,
    pub exchange: String,
}

impl Place {
    pub fn new(base: String, folder: PathBuf) -> Self {
        let socket = folder.join("chancery.sock");
        Self { bank: format!("{base}/mcp/bank"), exchange: format!("{base}/mcp/exchange"), base, folder, socket }
    }
}

pub struct Story {
    json: bool,
}

impl Story {
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    pub fn begin(&self, place: &Place) -> Result<(), Failure> {
        self.say(
            || json!({ "demo": { "base": place.base, "data": place.folder } }),
            || format!("Chancery demo at {}, data in {}\n\nA client that knows only {}:\n", place.base, place.folder.display(), place.bank),
        )
    }

    pub fn arrive(&self, arrived: &Arrived) -> Result<(), Failure> {
        let text = || {
            let token = serde_json::to_string_pretty(&arrived.token.claims).unwrap_or_default();
            format!("\nThe tool said: {}\n\nThe access token, decoded:\n\n{}", arrived.answer, indented(&token))
        };
        self.say(|| json!({ "arrived": arrived }), text)
    }

    pub fn log(&self, entries: &[Entry]) -> Result<(), Failure> {
        self.say_text("\nWhat the audit log kept:\n")?;
        entries.iter().map(|entry| serde_json::to_value(entry).unwrap_or(Value::Null)).try_for_each(|event| {
            let line = event_line::line(&event);
            self.say(|| json!({ "event": event }), || format!("  {line}"))
        })
    }

    /// What a reader may do now.
    pub fn stay(&self, place: &Place) -> Result<(), Failure> {
        let Place { bank, exchange, socket, .. } = place;
        let socket = socket.display();
        let text = || {
            format!(
                "\nNow connect a client of your own; sign in as alice or bob, there is no password.\n\n\
                 \x20 MCP servers    {bank}\n\
                 \x20                {exchange}\n\
                 \x20 Claude Code    claude mcp add --transport http bank {bank}\n\
                 \x20 Inspector      npx @modelcontextprotocol/inspector --cli {bank} --transport http --method tools/list\n\
                 \x20 Audit log      chancery audit tail --follow --tenant demo --socket {socket}\n\n\
                 Ctrl-C ends the demo; its data stays."
            )
        };
        self.say(|| json!({ "ready": { "servers": [bank, exchange], "socket": place.socket } }), text)
    }

    fn say(&self, json: impl FnOnce() -> Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json { print::json(&json()).map(|_| ()) } else { print::line(&text()) }
    }

    fn say_text(&self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { print::line(&text) }
    }
}

impl Report for Story {
    fn step(&mut self, step: &Step) {
        let Step { number, does, request, status, field, value } = step;
        let text = || format!("{number:>4}  {does}\n      {request}\n      {status}  {field}: {value}");
        // Nobody may be reading; the journey goes on all the same, and its end says so.
        let _ = self.say(|| json!(step), text);
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

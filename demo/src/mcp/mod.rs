//! Two MCP servers (2025-11-25, streamable HTTP), as strict as a server of a reader's own should be: they take only tokens that
//! Chancery made for them. The bank answers in JSON, the exchange as a stream of events, so both ways are walked.

mod bank;
mod exchange;
mod gate;
mod message;
mod refused;
mod sessions;
mod stream;
mod transport;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use chancery_core::Rng;
use serde_json::{Map, Value};

pub use gate::Gate;
use sessions::Sessions;

/// One MCP server.
pub struct Server {
    name: &'static str,
    toolbox: Box<dyn Toolbox>,
    answers: Answers,
    gate: Gate,
    sessions: Sessions,
    rng: Arc<dyn Rng>,
}

/// How a request is answered; the protocol leaves the choice to the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answers {
    Json,
    Stream,
}

/// What a server can do.
trait Toolbox: Send + Sync {
    /// The `tools` of `tools/list`.
    fn list(&self) -> Value;

    /// Calls a tool for a token's `sub`; `None` if there is no tool of that name. What the tool itself complains about is a result.
    fn call(&self, tool: &str, arguments: &Map<String, Value>, subject: &str) -> Option<CallResult>;
}

/// The outcome of a tool: something said, and the same as data; or what is wrong with the arguments.
enum CallResult {
    Done { text: String, data: Value },
    Wrong(String),
}

impl Server {
    pub fn bank(gate: Gate, rng: Arc<dyn Rng>) -> Self {
        Self::new("bank", Box::new(bank::Bank), Answers::Json, gate, rng)
    }

    pub fn exchange(gate: Gate, rng: Arc<dyn Rng>) -> Self {
        Self::new("exchange", Box::new(exchange::Exchange), Answers::Stream, gate, rng)
    }

    fn new(name: &'static str, toolbox: Box<dyn Toolbox>, answers: Answers, gate: Gate, rng: Arc<dyn Rng>) -> Self {
        Self { name, toolbox, answers, gate, sessions: Sessions::default(), rng }
    }

    /// The one endpoint, at `/mcp`.
    pub fn router(self) -> Router {
        let methods = post(transport::post).get(transport::get).delete(transport::delete);
        Router::new().route("/mcp", methods).with_state(Arc::new(self))
    }
}

//! An MCP client (Streamable HTTP), as bare as can be. Of 2025-11-25 and before it initialises when it must; of 2026-07-28 each request
//! stands alone, and its headers mirror its body. It says what came back.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::{Value, json};

use crate::browser::request;
use crate::{Answer, Browser, ProofKey, Site};

const ERA: &str = "2025-11-25";
const STATELESS: &str = "2026-07-28";
const SESSION: &str = "mcp-session-id";

/// A conversation with one server.
#[derive(Clone)]
pub struct Mcp {
    program: Browser,
    pub url: String,
    /// The access token, if any is sent.
    pub token: Option<String>,
    /// What the server called this session.
    pub session: Option<String>,
    /// The protocol version it names.
    version: &'static str,
    /// Whom it says it asks, where it goes to one node of several.
    host: Option<String>,
    prover: Option<Prover>,
}

/// The key that a token is bound to, whose clock tells the time, and the URL that the client was given.
#[derive(Clone)]
struct Prover {
    key: Arc<ProofKey>,
    site: Site,
    url: String,
}

impl Mcp {
    pub const fn new(program: Browser, url: String, token: Option<String>) -> Self {
        Self { program, url, token, session: None, version: ERA, host: None, prover: None }
    }

    /// The same, naming another protocol version.
    #[must_use]
    pub fn speaking(self, version: &'static str) -> Self {
        Self { version, ..self }
    }

    /// The same, at the node that is reached there, which is asked for what it serves at the front door.
    ///
    /// # Panics
    /// When the server's URL has no path.
    #[must_use]
    pub fn at_node(self, node: &str) -> Self {
        let front = self.url.strip_prefix("http://").expect("a site speaks http");
        let (host, path) = front.split_once('/').expect("a path");
        Self { host: Some(host.to_owned()), url: format!("{node}/{path}"), ..self }
    }

    /// The same, with a proof by this key beside the token in each request (RFC 9449).
    #[must_use]
    pub fn proving(self, key: &Arc<ProofKey>, site: &Site) -> Self {
        let prover = Prover { key: key.clone(), site: site.clone(), url: self.url.clone() };
        Self { prover: Some(prover), ..self }
    }

    /// The same, without sessions.
    #[must_use]
    pub fn stateless(self) -> Self {
        self.speaking(STATELESS)
    }

    /// Opens a session. Where the server refuses, its answer is what a call gives.
    ///
    /// # Errors
    /// The refusal.
    pub async fn initialize(&mut self) -> Result<(), Called> {
        let hello = json!({ "protocolVersion": self.version, "capabilities": {}, "clientInfo": { "name": "testkit", "version": "1" } });
        let answer = self.send("initialize", hello).await;
        if !answer.0.status.is_success() {
            return Err(answer);
        }
        self.session = answer.0.header(SESSION).map(str::to_owned);
        self.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await.has_status(202);
        Ok(())
    }

    /// Calls a tool, in this conversation's session, opening one if there is none.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Called {
        if self.session.is_none()
            && self.version != STATELESS
            && let Err(refused) = self.initialize().await
        {
            return refused;
        }
        self.send("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Sends one request as it is.
    pub async fn send(&self, method: &str, params: Value) -> Called {
        Called(self.post(&self.message(method, params)).await)
    }

    /// The message that sends this request.
    pub fn message(&self, method: &str, mut params: Value) -> Value {
        if self.version == STATELESS {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": STATELESS,
                "io.modelcontextprotocol/clientInfo": { "name": "testkit", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
    }

    /// Posts one message.
    pub async fn post(&self, message: &Value) -> Answer {
        self.program.send(self.posting(message)).await
    }

    /// The request that posts one message.
    pub fn posting(&self, message: &Value) -> Request<Bytes> {
        let mut request = self.request(Method::POST).header(header::CONTENT_TYPE, "application/json");
        if self.version == STATELESS
            && let Some(method) = message["method"].as_str()
        {
            request = request.header("mcp-method", method);
            if let Some(name) = ["name", "uri"].iter().find_map(|member| message["params"][member].as_str()) {
                request = request.header("mcp-name", name);
            }
        }
        request.body(Bytes::from(message.to_string())).expect("a request")
    }

    /// A request to the server with this conversation's headers.
    pub fn request(&self, method: Method) -> http::request::Builder {
        let mut request = request(method.clone(), &self.url)
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", self.version);
        if let Some(host) = &self.host {
            request = request.header(header::HOST, host);
        }
        if let Some(token) = &self.token {
            let scheme = if self.prover.is_some() { "DPoP" } else { "Bearer" };
            request = request.header(header::AUTHORIZATION, format!("{scheme} {token}"));
        }
        if let (Some(Prover { key, site, url }), Some(token)) = (&self.prover, &self.token) {
            request = request.header("dpop", key.proof_with(token, (method.as_str(), url), site.now()));
        }
        if let Some(session) = &self.session {
            request = request.header(SESSION, session);
        }
        request
    }
}

/// What came back from a request over MCP.
#[derive(Clone, Debug)]
pub struct Called(pub Answer);

impl Called {
    /// The JSON-RPC message that answers the request, sent as JSON or as the last event of a stream.
    ///
    /// # Panics
    /// When there is none.
    pub fn message(&self) -> Value {
        let is_stream = self.0.header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/event-stream"));
        if !is_stream {
            return self.0.json();
        }
        let text = self.0.text();
        let mut events = text.lines().filter_map(|line| line.strip_prefix("data:"));
        let last = events.rfind(|data| data.contains("\"id\"")).unwrap_or_else(|| panic!("no answer in the stream: {self:?}"));
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{last:?} is not JSON: {error}"))
    }

    /// The result of a call that worked.
    ///
    /// # Panics
    /// When it did not.
    pub fn answered(&self) -> Value {
        let message = self.0.has_status(200);
        let result = self.message()["result"].clone();
        assert!(result.is_object(), "no result: {message:?}");
        assert!(result["isError"] != true, "the tool failed: {message:?}");
        result
    }

    /// A 401, or 403 for `insufficient_scope`, with a whole challenge.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn challenged(&self, error: &str) -> &Answer {
        self.0.challenged(error)
    }

    /// A refusal in the protocol's own envelope: status and JSON-RPC error, which is given back.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn denied(&self, status: u16) -> Value {
        self.0.has_status(status);
        let error = self.message()["error"].clone();
        assert!(error["code"].is_i64() && error["message"].is_string(), "no JSON-RPC error: {self:?}");
        error
    }
}

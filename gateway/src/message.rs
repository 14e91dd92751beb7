//! JSON-RPC messages of a POST (MCP streamable HTTP), read once and never written again: the upstream gets the bytes that came.
//!
//! 1. One object, or a batch (protocol 2025-03-26 and before) of at most [`BATCH`].
//! 2. A request (`method` and `id`), a notification (`method` alone) or a response (`result` or `error`, and `id`); nothing in between.
//! 3. Of the three methods whose target decides, that target: the tool, the resource, the prompt.
//! 4. The protocol version that a request of the stateless era names in its `_meta`.

use std::borrow::Cow;

use chancery_policy::Action;
use serde_json::value::RawValue;

use crate::members::{members, text};
use crate::method::{self, Method};
use crate::refusal::Refusal;

/// How many messages one batch may hold.
pub const BATCH: usize = 32;

/// One message, borrowed from the body. It has no `Debug`: arguments are nobody's business.
#[derive(Clone)]
pub struct Message<'a> {
    pub known: &'static Method,
    /// `None` for a response, which the client gives to a request of the upstream's, and for what comes without a body.
    pub method: Option<Cow<'a, str>>,
    /// As written; `None` for a notification.
    pub id: Option<&'a RawValue>,
    /// What the method is aimed at, where that decides.
    pub target: Option<Cow<'a, str>>,
    /// The arguments as written.
    pub arguments: Option<&'a RawValue>,
    /// The protocol version that its `_meta` names (MCP 2026-07-28).
    pub version: Option<Cow<'a, str>>,
}

impl Message<'static> {
    /// What a GET or DELETE stands for.
    pub const fn of_verb(known: &'static Method) -> Self {
        Self { known, method: None, id: None, target: None, arguments: None, version: None }
    }
}

impl Message<'_> {
    /// It waits for an answer.
    pub const fn is_request(&self) -> bool {
        self.method.is_some() && self.id.is_some()
    }

    /// The tool it calls, if it calls one.
    pub fn tool(&self) -> Option<&str> {
        self.target.as_deref().filter(|_| self.known.action == Action::CallTool)
    }
}

/// What a POST holds.
pub struct Messages<'a> {
    pub all: Vec<Message<'a>>,
    /// It came as an array, so it is answered with one.
    pub batch: bool,
}

impl<'a> Messages<'a> {
    pub fn read(body: &'a [u8]) -> Result<Self, Refusal> {
        let body = std::str::from_utf8(body).map_err(|_| Refusal::not_json("it is not UTF-8"))?;
        let batch = body.trim_ascii_start().starts_with('[');
        let parts: Vec<&RawValue> = if batch {
            serde_json::from_str(body).map_err(|error| Refusal::not_json(error.to_string()))?
        } else {
            vec![serde_json::from_str(body).map_err(|error| Refusal::not_json(error.to_string()))?]
        };
        if parts.is_empty() || parts.len() > BATCH {
            return Err(Refusal::invalid_request(format!("a batch holds 1 to {BATCH} messages; split it")));
        }
        Ok(Self { all: parts.into_iter().map(message).collect::<Result<_, _>>()?, batch })
    }

    /// The ids that wait for an answer.
    pub fn ids(&self) -> impl Iterator<Item = &'a RawValue> {
        self.all.iter().filter(|message| message.is_request()).filter_map(|message| message.id)
    }
}

fn message(raw: &RawValue) -> Result<Message<'_>, Refusal> {
    let invalid = |why: &str| Refusal::invalid_request(why);
    let [version, id, method, params, result, error] =
        members(raw.get(), &["jsonrpc", "id", "method", "params", "result", "error"]).map_err(|error| invalid(&error.to_string()))?;

    if version.and_then(text).as_deref() != Some("2.0") {
        return Err(invalid("`jsonrpc` is not \"2.0\""));
    }
    if !id.is_none_or(is_request_id) {
        return Err(invalid("`id` is neither a string nor a number"));
    }
    match (method, result.is_some() || error.is_some()) {
        (Some(method), false) => {
            let method = text(method).ok_or_else(|| invalid("`method` is not a string"))?;
            let known = method::of(&method);
            let Parameters { target, arguments, version } = parameters(known, params)?;
            Ok(Message { known, method: Some(method), id, target, arguments, version })
        }
        (None, true) if id.is_some() => Ok(Message { id, ..Message::of_verb(&method::RESPONSE) }),
        _ => Err(invalid("it is neither a request nor a notification nor a response")),
    }
}

/// What is read of the parameters.
#[derive(Default)]
struct Parameters<'a> {
    target: Option<Cow<'a, str>>,
    arguments: Option<&'a RawValue>,
    version: Option<Cow<'a, str>>,
}

/// The target and the arguments of a method that has some, and the version, where one is named.
fn parameters<'a>(method: &Method, params: Option<&'a RawValue>) -> Result<Parameters<'a>, Refusal> {
    let invalid = |why: String| Refusal::invalid_params(format!("`params` of {}: {why}", method.name));
    let Some(member) = method.target else {
        let Some(params) = params.filter(|params| params.get().starts_with('{')) else { return Ok(Parameters::default()) };
        let [meta] = members(params.get(), &["_meta"]).map_err(|error| invalid(error.to_string()))?;
        return Ok(Parameters { version: meta.and_then(version), ..Parameters::default() });
    };
    let params = params.ok_or_else(|| invalid("missing".to_owned()))?;
    let [target, arguments, meta] = members(params.get(), &[member, "arguments", "_meta"]).map_err(|error| invalid(error.to_string()))?;
    let target = target.and_then(text).ok_or_else(|| invalid(format!("`{member}` is not a string")))?;
    Ok(Parameters { target: Some(target), arguments, version: meta.and_then(version) })
}

/// Where it is named twice, or not as text, it names what no header says.
fn version(meta: &RawValue) -> Option<Cow<'_, str>> {
    match members(meta.get(), &["io.modelcontextprotocol/protocolVersion"]) {
        Ok([version]) => Some(text(version?).unwrap_or(Cow::Borrowed(""))),
        Err(_) => meta.get().starts_with('{').then_some(Cow::Borrowed("")),
    }
}

/// MCP: a string or an integer, never null. Any number is let through: the upstream judges it.
fn is_request_id(id: &RawValue) -> bool {
    id.get().starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Messages<'_>, Refusal> {
        Messages::read(body.as_bytes())
    }

    fn one(body: &str) -> Message<'_> {
        read(body).expect("a message").all.remove(0)
    }

    #[test]
    fn a_call_is_read_with_its_target_and_its_arguments_as_written() {
        let call = one(r#"{"jsonrpc":"2.0","id":7,"method":"tools\/call","params":{"name":"convert","arguments":{ "to":"EUR" }}}"#);
        assert_eq!(call.method.as_deref(), Some("tools/call"));
        assert_eq!(call.target.as_deref(), Some("convert"));
        assert_eq!(call.arguments.map(RawValue::get), Some(r#"{ "to":"EUR" }"#));
        assert_eq!(call.id.map(RawValue::get), Some("7"));

        let read = one(r#"{"jsonrpc":"2.0","id":"a","method":"resources/read","params":{"uri":"file:///x","name":"y"}}"#);
        assert_eq!(read.target.as_deref(), Some("file:///x"));
    }

    #[test]
    fn requests_notifications_and_responses_are_told_apart() {
        assert!(one(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).id.is_none());
        assert!(one(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).method.is_none());
        assert!(one(r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#).method.is_none());
        // A call without an id is a call all the same.
        assert_eq!(one(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}"#).target.as_deref(), Some("t"));
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        for bad in [
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","NAME":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["a"]}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["a"]}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}{}"#,
            "7",
            "[]",
            "",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(Messages::read(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"x\":\"\xff\"}").is_err());
    }

    #[test]
    fn a_batch_is_bounded_and_each_of_its_messages_is_read() {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let batch = |count: usize| format!(" [{}]", vec![ping; count].join(","));
        assert_eq!(read(&batch(BATCH)).expect("a batch").all.len(), BATCH);
        assert!(read(&batch(BATCH + 1)).is_err());
        assert!(read(&format!("[{ping},1]")).is_err());
    }
}

//! JSON-RPC 2.0 as MCP uses it: one message a POST, no batches.

use serde_json::{Map, Value, json};

/// What a client sent.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    Request {
        id: Value,
        method: String,
        params: Map<String, Value>,
    },
    Notification,
    /// An answer to something we asked; we ask nothing.
    Response,
}

/// A JSON-RPC error.
#[derive(Clone, PartialEq, Debug)]
pub struct Trouble {
    pub code: i64,
    pub message: String,
}

impl Message {
    pub fn parse(body: &[u8]) -> Result<Self, Trouble> {
        let value: Value = serde_json::from_slice(body).map_err(|_| Trouble::new(-32700, "the body is not JSON"))?;
        let Value::Object(mut message) = value else { return Err(Trouble::new(-32600, "one JSON-RPC message is expected")) };
        if message.get("jsonrpc") != Some(&json!("2.0")) {
            return Err(Trouble::new(-32600, "it is not a message of JSON-RPC 2.0"));
        }
        let params = match message.remove("params") {
            None => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return Err(Trouble::new(-32600, "params is an object")),
        };
        match (message.remove("id"), message.remove("method")) {
            (Some(id @ (Value::String(_) | Value::Number(_))), Some(Value::String(method))) => Ok(Self::Request { id, method, params }),
            (None, Some(Value::String(_))) => Ok(Self::Notification),
            (Some(_), None) if message.contains_key("result") || message.contains_key("error") => Ok(Self::Response),
            _ => Err(Trouble::new(-32600, "it is neither a request, a notification nor a response")),
        }
    }
}

impl Trouble {
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub fn to_message(&self, id: &Value) -> Value {
        json!({ "jsonrpc": "2.0", "id": id, "error": { "code": self.code, "message": self.message } })
    }
}

pub fn result(id: &Value, result: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let kind = |text: &str| Message::parse(text.as_bytes()).map_err(|trouble| trouble.code);
        assert!(matches!(kind(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#), Ok(Message::Request { .. })));
        assert!(matches!(kind(r#"{"jsonrpc":"2.0","id":"a","method":"ping","params":{}}"#), Ok(Message::Request { .. })));
        assert_eq!(kind(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), Ok(Message::Notification));
        assert_eq!(kind(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok(Message::Response));
        assert_eq!(kind("{"), Err(-32700));
        for bad in
            ["[]", "1", r#"{"id":1,"method":"ping"}"#, r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, r#"{"jsonrpc":"2.0","id":1}"#]
        {
            assert_eq!(kind(bad), Err(-32600), "{bad}");
        }
    }
}

//! Headers that mirror the body (MCP 2026-07-28, SEP-2243): `Mcp-Method`, and `Mcp-Name` for what is called, read or got.
//!
//! Who routes by the header and who authorises by the body must mean the same call. So where a header came it must agree, whatever
//! protocol version the request names; that a required one is missing is for the upstream to say.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use crate::message::{Message, Messages};
use crate::refusal::Refusal;

pub fn agree(headers: &HeaderMap, messages: &Messages<'_>) -> Result<(), Refusal> {
    let only = if let [message] = messages.all.as_slice() { Some(message) } else { None };
    agrees(headers, "mcp-method", only.and_then(|message| message.method.as_deref()))?;
    // A name says nothing where the method has no target that we read; then it passes like any other header.
    match only.map(|message| (message, message.known.target)) {
        Some((Message { target, .. }, Some(_))) => agrees(headers, "mcp-name", target.as_deref()),
        Some((_, None)) => Ok(()),
        None => agrees(headers, "mcp-name", None),
    }
}

fn agrees(headers: &HeaderMap, name: &'static str, body: Option<&str>) -> Result<(), Refusal> {
    let said_otherwise = |value: &http::HeaderValue| value.to_str().ok().and_then(decoded).as_deref() != body;
    if headers.get_all(name).iter().any(said_otherwise) { Err(Refusal::header_mismatch(name)) } else { Ok(()) }
}

/// The value; text that a header cannot hold as it is comes as `=?base64?…?=`.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => Some(Cow::Owned(String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?)),
        None => Some(Cow::Borrowed(value)),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn agrees(headers: &[(&'static str, &'static str)], body: &str) -> bool {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        agree(&headers, &Messages::read(body.as_bytes()).expect("messages")).is_ok()
    }

    #[test]
    fn mcp_1a_15_what_the_headers_say_must_be_what_the_body_says() {
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"transfer"}}"#;
        assert!(agrees(&[], call));
        assert!(agrees(&[("mcp-method", "tools/call"), ("mcp-name", "transfer")], call));
        assert!(agrees(&[("mcp-name", "=?base64?dHJhbnNmZXI=?=")], call));
        for bad in [
            [("mcp-method", "tools/list"), ("mcp-name", "transfer")],
            [("mcp-method", "tools/call"), ("mcp-name", "account_balance")],
            [("mcp-method", "Tools/Call"), ("mcp-name", "transfer")],
            [("mcp-name", "transfer"), ("mcp-name", "account_balance")],
            [("mcp-name", "=?base64?!?="), ("mcp-name", "transfer")],
        ] {
            assert!(!agrees(&bad, call), "{bad:?}");
        }
    }

    #[test]
    fn mcp_1a_15_a_batch_or_a_response_has_nothing_to_mirror() {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        assert!(agrees(&[("mcp-method", "ping"), ("mcp-name", "whatever")], ping));
        assert!(!agrees(&[("mcp-method", "ping")], &format!("[{ping},{ping}]")));
        assert!(!agrees(&[("mcp-method", "ping")], r#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
    }
}

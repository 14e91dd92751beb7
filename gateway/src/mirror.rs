//! Headers that mirror the body (MCP 2026-07-28, SEP-2243): `MCP-Protocol-Version`, `Mcp-Method`, and `Mcp-Name` for what is called,
//! read or got.
//!
//! Who routes by the header and who authorises by the body must mean the same call. So where a header came it must agree, whatever
//! protocol version the request names, and once; and from 2026-07-28 on a request must bring them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};

use crate::era::{self, Era};
use crate::message::{Message, Messages};
use crate::refusal::Refusal;

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

/// The era of a request whose headers say what its body says.
///
/// # Errors
/// They do not, or the version is none of ours.
pub fn agreed(headers: &HeaderMap, messages: &Messages<'_>) -> Result<Era, Refusal> {
    for message in &messages.all {
        version_agrees(headers, message)?; // mcp_1a_15
    }
    let era = Era::of(headers)?; // mcp_1a_15
    let only = if let [message] = messages.all.as_slice() { Some(message) } else { None };
    let needed = |message: &&Message<'_>| era.is_stateless() && message.is_request();
    agrees(headers, METHOD, only.and_then(|message| message.method.as_deref()), only.filter(needed).is_some())?;
    // A name says nothing where the method has no target that we read; then it passes like any other header.
    match only.map(|message| (message, message.known.target)) {
        Some((message, Some(_))) => agrees(headers, NAME, message.target.as_deref(), needed(&message))?,
        Some((message, None)) if message.method.is_some() => {}
        _ => agrees(headers, NAME, None, false)?,
    }
    Ok(era)
}

/// A body of the stateless era names its version, and so must the header; what a body of sessions says there is its own affair.
fn version_agrees(headers: &HeaderMap, message: &Message<'_>) -> Result<(), Refusal> {
    match message.version.as_deref() {
        None => Ok(()),
        Some(version) if !headers.contains_key(era::HEADER) && era::is_of_sessions(version) => Ok(()),
        version => agrees(headers, VERSION, version, true),
    }
}

fn agrees(headers: &HeaderMap, name: &'static str, body: Option<&str>, needed: bool) -> Result<(), Refusal> {
    let mut values = headers.get_all(name).iter();
    // What cannot be read says nothing, which is not the same as that there is nothing to say.
    let says_so = |value: &HeaderValue| value.to_str().ok().and_then(decoded).is_some_and(|value| Some(&*value) == body);
    match (values.next(), values.next()) {
        (None, _) if !needed => Ok(()),
        (Some(value), None) if says_so(value) => Ok(()),
        _ => Err(Refusal::header_mismatch(name)),
    }
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
    use http::HeaderName;

    use super::*;

    fn agreed(headers: &[(&'static str, &'static str)], body: &str) -> Result<Era, &'static str> {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        super::agreed(&headers, &Messages::read(body.as_bytes()).expect("messages")).map_err(|refusal| refusal.reason)
    }

    fn agrees(headers: &[(&'static str, &'static str)], body: &str) -> bool {
        agreed(headers, body).is_ok()
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
            [("mcp-name", "transfer"), ("mcp-name", "transfer")],
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

    #[test]
    fn mcp_1a_15_a_header_that_nobody_can_read_agrees_with_nothing() {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let batch = format!("[{ping},{ping}]");
        for unreadable in [&b"=?base64?!?="[..], b"=?base64?/w==?=", b"=?base64?cGluZw?=", b"p\xc3\xafng", b"\xff"] {
            for (name, body) in [
                (METHOD, ping),
                (METHOD, &batch),
                (NAME, &batch),
                (METHOD, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
                (NAME, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            ] {
                let headers =
                    [(HeaderName::from_static(name), HeaderValue::from_bytes(unreadable).expect("a value"))].into_iter().collect();
                let read = super::agreed(&headers, &Messages::read(body.as_bytes()).expect("messages"));
                let refused = read.expect_err("it agrees with nothing");
                assert_eq!(refused.reason, "header_mismatch", "{name}: {} {body}", unreadable.escape_ascii());
            }
        }
    }

    #[test]
    fn mcp_1a_15_a_stateless_request_brings_all_that_it_must_mirror() {
        let call = |version: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"transfer","_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}"}}}}}}"#
            )
        };
        let [version, method, name] = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "transfer")];
        assert_eq!(agreed(&[version, method, name], &call("2026-07-28")), Ok(Era::Stateless));
        for missing in [&[version, method][..], &[version, name], &[method, name], &[]] {
            assert_eq!(agreed(missing, &call("2026-07-28")), Err("header_mismatch"), "{missing:?}");
        }
        assert_eq!(agreed(&[version, method, name], &call("1900-01-01")), Err("header_mismatch"));
        assert_eq!(agreed(&[("mcp-protocol-version", "2025-11-25"), method, name], &call("2026-07-28")), Err("header_mismatch"));
        assert_eq!(agreed(&[("mcp-protocol-version", "1900-01-01"), method, name], &call("1900-01-01")), Err("unsupported_version"));

        // A notification has no header that it must bring, nor does what names no version in its body: that is for the upstream to say.
        assert_eq!(agreed(&[version], r#"{"jsonrpc":"2.0","method":"notifications/x"}"#), Ok(Era::Stateless));
        let bare = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(agreed(&[version, ("mcp-method", "tools/list")], bare), Ok(Era::Stateless));
    }

    #[test]
    fn mcp_1a_15_a_session_mirrors_nothing() {
        let hello =
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2025-11-25"}}}"#;
        assert_eq!(agreed(&[], hello), Ok(Era::UNNAMED));
    }
}

//! An event of the audit log as a line that people read.

use chancery_core::Timestamp;
use serde_json::Value;

/// `2026-11-22T18:04:05.678Z  token_issued  client=cli_… subject=usr_… `. What peers wrote cannot leave its place or move the cursor.
pub fn line(event: &Value) -> String {
    let at = event["at"].as_i64().map_or_else(String::new, |at| Timestamp::from_millis(at).to_string());
    let mut line = format!("{at}  {:<27}", event["kind"].as_str().unwrap_or("?"));
    for (name, value) in event["fields"].as_object().into_iter().flatten() {
        line.push_str(&format!(" {name}={}", plain(value.as_str().unwrap_or_default())));
    }
    if let Some(outcome) = event["outcome"].as_str() {
        line.push_str(&format!(" (outcome {outcome})"));
    }
    if let Some(erased) = event["erased"].as_u64() {
        line.push_str(&format!(" ({erased} erased)"));
    }
    if let Some(trouble) = event["trouble"].as_str() {
        line.push_str(&format!(" ALTERED: {trouble}"));
    }
    line
}

/// As it is where that is safe and in one piece, else quoted and escaped.
fn plain(value: &str) -> String {
    let quoted = format!("{value:?}");
    let safe = !value.is_empty() && !value.contains([' ', '=']) && quoted.len() == value.len() + 2;
    if safe { value.to_owned() } else { quoted }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_peer_wrote_stays_in_its_place() {
        let event = json!({
            "at": 1_764_000_000_123_i64,
            "kind": "client_registered",
            "fields": { "client": "cli_1", "client_name": "a b\n2026 \u{1b}[2J\u{202e}" },
        });
        assert_eq!(
            line(&event),
            "2025-11-24T16:00:00.123Z  client_registered           client=cli_1 client_name=\"a b\\n2026 \\u{1b}[2J\\u{202e}\""
        );
    }
}

//! Headers that come twice, or in a list, or that say what only a proxy of ours may say. What decides comes once; the rest goes nowhere.

use crate::stage::{CALL, Stage, TRANSFER};

#[tokio::test]
async fn oa_20_what_decides_comes_once() {
    let stage = Stage::set().await;
    let own = stage.authorization();
    let line = |lines: &str, body: &str| format!("{}{lines}Content-Length: {}\r\n\r\n{body}", stage.line(), body.len()).into_bytes();
    let json = "Content-Type: application/json\r\n";
    let with = |more: &str| stage.with(more, CALL);
    let token = &stage.alice.access;
    #[rustfmt::skip]
    let table = vec![
        ("two tokens", line(&format!("{own}{own}{json}"), CALL), "400, after", 0),
        ("a token and a stranger's", line(&format!("{own}Authorization: Bearer x\r\n{json}"), CALL), "400, after", 0),
        ("a stranger's and a token", line(&format!("Authorization: Bearer x\r\n{own}{json}"), CALL), "400, after", 0),
        ("another scheme first", line(&format!("Authorization: Basic YTpi\r\n{own}{json}"), CALL), "400, after", 0),
        ("an empty one first", line(&format!("Authorization:\r\n{own}{json}"), CALL), "400, after", 0),
        ("a list of tokens", line(&format!("Authorization: Bearer {token}, Bearer {token}\r\n{json}"), CALL), "400, after", 0),
        ("a token in a cookie", line(&format!("Cookie: access_token={token}\r\n{json}"), CALL), "401, after", 0),
        ("a token for a proxy", line(&format!("Proxy-Authorization: Bearer {token}\r\n{json}"), CALL), "401, after", 0),
        ("a token with an underscore", line(&format!("X_Authorization: Bearer {token}\r\n{json}"), CALL), "401, after", 0),
        ("a session twice", with("Mcp-Session-Id: a\r\nMcp-Session-Id: a\r\n"), "404, after", 0),
        ("sessions in a list", with("Mcp-Session-Id: a, b\r\n"), "404, after", 0),
        ("a version twice", with("MCP-Protocol-Version: 2025-11-25\r\nMCP-Protocol-Version: 2025-11-25\r\n"), "400, after", 0),
        ("versions in a list", with("MCP-Protocol-Version: 2025-11-25, 2026-07-28\r\n"), "400, after", 0),
        ("a method twice", with("Mcp-Method: tools/call\r\nMcp-Method: tools/list\r\n"), "400, after", 0),
        ("methods in a list", with("Mcp-Method: tools/call, tools/list\r\n"), "400, after", 0),
        ("a name twice", with("Mcp-Name: account_balance\r\nMcp-Name: transfer\r\n"), "400, after", 0),
        ("names in a list", with("Mcp-Name: account_balance, transfer\r\n"), "400, after", 0),
        ("another's name", with("Mcp-Name: transfer\r\n"), "400, after", 0),
        ("a type twice", line(&format!("{own}{json}{json}"), CALL), "415, after", 0),
        ("two types", line(&format!("{own}{json}Content-Type: text/plain\r\n"), CALL), "415, after", 0),
        ("types in a list", line(&format!("{own}Content-Type: application/json, text/plain\r\n"), CALL), "415, after", 0),
        ("two origins", with("Origin: null\r\nOrigin: http://127.0.0.1\r\n"), "403, after", 0),
        ("a call it may not make", stage.plain(TRANSFER).repeat(2), "403, 403, after", 0),
    ];
    stage.plays(table).await;
}

#[tokio::test]
async fn mc_02_what_speaks_for_somebody_else_goes_nowhere() {
    let stage = Stage::set().await;
    stage.hears(stage.plain(CALL)).await;
    let plain = stage.reached().remove(0);
    let token = &stage.alice.access;
    let claims = [
        "Forwarded: for=10.0.0.1;host=evil.example;proto=https",
        "X-Forwarded-For: 10.0.0.1",
        "X-Forwarded-For: 10.0.0.1, 10.0.0.2",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: https",
        "X-Forwarded-User: admin",
        "X-Forwarded-Access-Token: x",
        "X-Real-IP: 10.0.0.1",
        "X-Original-URL: /mcp/exchange",
        "X-Rewrite-URL: /mcp/exchange",
        "X-Chancery-Subject: admin",
        "X-Chancery-Decision: permit",
        "X-Remote-User: admin",
        "Remote-User: admin",
        "X-Api-Key: theirs",
        "Via: 1.1 proxy",
        "Cookie: session=stolen",
        "Proxy-Authorization: Basic YTpi",
        "X-Auth-Token: x",
        "Referer: http://evil.example/",
        "Host_: evil.example",
        "Mcp-Session_Id: theirs",
        "Mcp_Session_Id: theirs",
        "Content-MD5: x",
        "If-None-Match: x",
        "Range: bytes=0-1",
        "Last-Event-ID: 7", // a post resumes nothing
    ];
    for claim in claims {
        let said = stage.hears(stage.with(&format!("{claim}\r\n{claim}\r\n"), CALL)).await;
        assert_eq!(said.short(), "200, after", "{claim}");
        let reached = stage.reached();
        assert_eq!(reached.len(), 1, "{claim}");
        assert_eq!(reached[0].names(), plain.names(), "{claim}: {}", reached[0].head);
        assert_eq!(reached[0].values("host"), plain.values("host"), "{claim}");
    }
    // These go on as they came, and they alone.
    let mut passing = vec![
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate: a=b",
        "user-agent: attack",
        "accept: application/json, text/event-stream",
        "accept-language: de",
        "mcp-param-region: eu",
    ];
    stage.hears(stage.with(&(passing.join("\r\n") + "\r\n"), CALL)).await;
    let reached = stage.reached().remove(0);
    passing.retain(|line| line.split_once(": ").is_none_or(|(name, value)| reached.values(name) != [value]));
    assert!(passing.is_empty(), "{passing:?} did not go on: {}", reached.head);

    // A token in the caller's own message goes where the message goes, but for this gateway it is none.
    let in_query = format!(
        "POST /mcp/bank?access_token={token} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{CALL}",
        stage.host,
        CALL.len()
    );
    assert_eq!(stage.tells(in_query).await, ("401, after".to_owned(), 0));
}

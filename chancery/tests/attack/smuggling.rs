//! One request passed off as another: framing that two readers read differently, targets and hosts with two meanings, requests hidden in
//! bodies, and headers that ask for other headers to vanish. What reaches the upstream is one request for one call that was allowed.

use chancery_testkit::cast::INNER_HOST;

use crate::stage::{CALL, Stage};

/// A body in one chunk.
fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

#[tokio::test]
async fn mc_01_two_ways_to_say_how_long_a_body_is_never_make_two_requests() {
    let stage = Stage::set().await;
    let n = CALL.len();
    let te = |lines: &str| (stage.head(lines) + &chunked(CALL)).into_bytes();
    let cl = |value: &str| (stage.head(&format!("Content-Length: {value}\r\n")) + CALL).into_bytes();
    let hidden = String::from_utf8(stage.plain(CALL)).expect("it is text");
    let cl_te = format!("0\r\n\r\n{hidden}");
    let te_cl = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());

    #[rustfmt::skip]
    let both = vec![
        // Chunked goes before a length, and such a connection carries nothing more (RFC 9112 §6.3).
        ("length, then chunked", te(&format!("Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n")), "200", 1),
        ("chunked, then length", te(&format!("Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n")), "200", 1),
        ("CL.TE", (stage.head(&format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", cl_te.len())) + &cl_te).into_bytes(), "400", 0),
        ("TE.CL", (stage.head("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") + &te_cl).into_bytes(), "400", 0),
        ("TE.0", (stage.head("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n") + &te_cl).into_bytes(), "400", 0),
        ("chunked", te("Transfer-Encoding: chunked\r\n"), "200, after", 1),
        ("in other letters, after a tab", te("tRANSFER-eNCODING:\tchunKed\t\r\n"), "200, after", 1),
        ("folded", te("Transfer-Encoding:\r\n chunked\r\n"), "400", 0),
        ("folded behind another", te("X-A: b\r\n\tTransfer-Encoding: chunked\r\n"), "400", 0),
        ("chunked, identity", te("Transfer-Encoding: chunked, identity\r\n"), "400", 0),
        ("identity, chunked", te("Transfer-Encoding: identity, chunked\r\n"), "400", 0),
        ("gzip, chunked", te("Transfer-Encoding: gzip, chunked\r\n"), "400", 0),
        ("chunked, chunked", te("Transfer-Encoding: chunked, chunked\r\n"), "400", 0),
        (",chunked", te("Transfer-Encoding: ,chunked\r\n"), "400", 0),
        ("xchunked", te("Transfer-Encoding: xchunked\r\n"), "400", 0),
        ("quoted", te("Transfer-Encoding: \"chunked\"\r\n"), "400", 0),
        ("a parameter", te("Transfer-Encoding: chunked;q=1\r\n"), "400", 0),
        ("a vertical tab", te("Transfer-Encoding: \x0bchunked\r\n"), "400", 0),
        ("twice", te("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "400", 0),
        ("twice, the second no such", te("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"), "400", 0),
        ("twice, the first no such", te("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n"), "400", 0),
        ("a space before the colon", te("Transfer-Encoding : chunked\r\n"), "400", 0),
        ("HTTP/1.0", String::from_utf8(te("Transfer-Encoding: chunked\r\n")).expect("it is text").replacen("HTTP/1.1", "HTTP/1.0", 1).into_bytes(), "400", 0),
        // What a lenient reader takes for it is a header like any other.
        ("an underscore", (stage.head(&format!("Transfer_Encoding: chunked\r\nContent-Length: {n}\r\n")) + CALL).into_bytes(), "200, after", 1),
    ];
    stage.plays(both).await;

    #[rustfmt::skip]
    let lengths = vec![
        ("twice the same", cl(&format!("{n}\r\nContent-Length: {n}")), "200, after", 1),
        ("twice, the second shorter", cl(&format!("{n}\r\nContent-Length: 0")), "400", 0),
        ("twice, the second longer", cl(&format!("{n}\r\nContent-Length: {}", n + 1)), "400", 0),
        ("a list", cl(&format!("{n}, {n}")), "400", 0),
        ("plus", cl(&format!("+{n}")), "400", 0),
        ("minus", cl("-1"), "400", 0),
        ("a space within", cl("1 0"), "400", 0),
        ("hexadecimal", cl("0x10"), "400", 0),
        ("a fraction", cl("10.0"), "400", 0),
        ("empty", cl(""), "400", 0),
        ("beyond 64 bits", cl("18446744073709551617"), "400", 0),
        ("beyond all", cl(&"9".repeat(400)), "400", 0),
    ];
    stage.plays(lengths).await;
}

#[tokio::test]
async fn mc_01_chunks_that_are_none_end_their_connection() {
    let stage = Stage::set().await;
    let n = CALL.len();
    let body = |body: String| (stage.head("Transfer-Encoding: chunked\r\n") + &body).into_bytes();
    #[rustfmt::skip]
    let table = vec![
        ("in pieces", body(CALL.chars().map(|c| format!("1\r\n{c}\r\n")).collect::<String>() + "0\r\n\r\n"), "200, after", 1),
        ("an extension", body(format!("{n:x};a=\"b\"\r\n{CALL}\r\n0;c\r\n\r\n")), "200, after", 1),
        ("trailers are left here", body(format!("{n:x}\r\n{CALL}\r\n0\r\nAuthorization: Bearer x\r\nMcp-Session-Id: x\r\n\r\n")), "200, after", 1),
        ("a line feed in an extension", body(format!("{n:x};a\n{CALL}\r\n0\r\n\r\n")), "400", 0),
        ("endless extensions", body(format!("{n:x};{}\r\n{CALL}\r\n0\r\n\r\n", "a".repeat(20_000))), "400", 0),
        ("a line feed for a line's end", body(format!("{n:x}\n{CALL}\n0\n\n")), "400", 0),
        ("a size beyond 64 bits", body(format!("1{n:016x}\r\n{CALL}\r\n0\r\n\r\n")), "400", 0),
        ("a size of many zeros", body(format!("{}{n:x}\r\n{CALL}\r\n0\r\n\r\n", "0".repeat(300))), "200, after", 1),
        ("a negative size", body(format!("-{n:x}\r\n{CALL}\r\n0\r\n\r\n")), "400", 0),
        ("0x", body(format!("0x{n:x}\r\n{CALL}\r\n0\r\n\r\n")), "400", 0),
        ("no size", body(format!("\r\n{CALL}\r\n0\r\n\r\n")), "400", 0),
        ("longer than it says", body(format!("{:x}\r\n{CALL}\r\n0\r\n\r\n", n - 1)), "400", 0),
        ("shorter than it says", body(format!("{:x}\r\n{CALL}\r\n0\r\n\r\n", n + 1)), "400", 0),
        ("trailers without end", body(format!("{n:x}\r\n{CALL}\r\n0\r\n{}", "a: b\r\n".repeat(5_000))), "400", 0),
    ];
    stage.plays(table).await;
}

#[tokio::test]
async fn mc_01_a_head_that_is_none_is_refused() {
    let stage = Stage::set().await;
    let with = |line: &str| stage.with(line, CALL);
    let plain = String::from_utf8(stage.plain(CALL)).expect("it is text");
    let line = |line: &str| plain.replacen("POST /mcp/bank HTTP/1.1", line, 1).into_bytes();
    #[rustfmt::skip]
    let table = vec![
        // RFC 9112 §2.2 lets a reader take a line feed for a line's end. It is read so everywhere, and nothing of it goes on.
        ("line feeds alone", plain.replace("\r\n", "\n").into_bytes(), "200, after", 1),
        ("a line feed before a header", with("X-A: b\nX-C: d\r\n"), "200, after", 1),
        ("a carriage return alone", with("X-A: b\rX-C: d\r\n"), "400", 0),
        ("two carriage returns", with("X-A: b\r\r\n"), "400", 0),
        ("NUL in a value", with("X-A: b\0c\r\n"), "400", 0),
        ("NUL in a name", with("X\0A: b\r\n"), "400", 0),
        ("a bell in a value", with("Mcp-Name: \x07\r\n"), "400", 0),
        ("DEL in a value", with("X-A: \x7f\r\n"), "400", 0),
        ("a space before the colon", with("X-A : b\r\n"), "400", 0),
        ("a tab before the colon", with("Mcp-Session-Id\t: b\r\n"), "400", 0),
        ("no name", with(": b\r\n"), "400", 0),
        ("no colon", with("X-A\r\n"), "400", 0),
        ("a folded line", with("X-A: b\r\n c\r\n"), "400", 0),
        ("a space before the first header", line("POST /mcp/bank HTTP/1.1\r\n "), "400", 0),
        ("brackets in a name", with("X[A]: b\r\n"), "400", 0),
        ("two spaces in the line", line("POST  /mcp/bank HTTP/1.1"), "400", 0),
        ("a tab in the line", line("POST\t/mcp/bank HTTP/1.1"), "400", 0),
        ("NUL in the path", line("POST /mcp/bank\0 HTTP/1.1"), "400", 0),
        ("a space in the path", line("POST /mcp/ba nk HTTP/1.1"), "400", 0),
        ("HTTP/0.9", line("POST /mcp/bank"), "400", 0),
        ("HTTP/1.2", line("POST /mcp/bank HTTP/1.2"), "400", 0),
        ("HTTP/2.0 in words", line("POST /mcp/bank HTTP/2.0"), "400", 0),
        ("http in small letters", line("POST /mcp/bank http/1.1"), "400", 0),
        ("a method in small letters", line("post /mcp/bank HTTP/1.1"), "405, after", 0),
        ("a method nobody knows", line("FROB /mcp/bank HTTP/1.1"), "405, after", 0),
        ("a method that is none", line("PO/ST /mcp/bank HTTP/1.1"), "400", 0),
    ];
    stage.plays(table).await;
}

#[tokio::test]
async fn mc_01_an_address_has_one_reading() {
    let stage = Stage::set().await;
    let host = &stage.host;
    let rest = format!("{}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{CALL}", stage.authorization(), CALL.len());
    let at = |target: &str, hosts: &str| format!("POST {target} HTTP/1.1\r\n{hosts}{rest}").into_bytes();
    let ours = format!("Host: {host}\r\n");
    #[rustfmt::skip]
    let table = vec![
        ("absolute", at(&format!("http://{host}/mcp/bank"), &ours), "200, after", 1),
        ("absolute, of another host", at("http://evil.example/mcp/bank", &ours), "400", 0),
        ("absolute, and another in Host", at(&format!("http://{host}/mcp/bank"), "Host: evil.example\r\n"), "400", 0),
        ("absolute, with a user", at(&format!("http://a:b@{host}/mcp/bank"), &ours), "400", 0),
        ("absolute, without Host", at(&format!("http://{host}/mcp/bank"), ""), "400", 0),
        ("an authority", at(host, &ours), "400", 0),
        ("an asterisk", at("*", &ours), "404, after", 0),
        ("no Host", at("/mcp/bank", ""), "400", 0),
        ("an empty Host", at("/mcp/bank", "Host:\r\n"), "400", 0),
        ("Host twice", at("/mcp/bank", &format!("{ours}{ours}")), "400", 0),
        ("Host twice, the second another", at("/mcp/bank", &format!("{ours}Host: evil.example\r\n")), "400", 0),
        ("Host twice, the first another", at("/mcp/bank", &format!("Host: evil.example\r\n{ours}")), "400", 0),
        ("a list in Host", at("/mcp/bank", &format!("Host: {host}, evil.example\r\n")), "400", 0),
        ("a user in Host", at("/mcp/bank", &format!("Host: evil@{host}\r\n")), "400", 0),
        ("a path in Host", at("/mcp/bank", &format!("Host: {host}/x\r\n")), "400", 0),
        // A path that one resource alone has is its own under every name of ours; a page of that name is foreign by its Origin all the same.
        ("another name of ours", at("/mcp/bank", &format!("Host: {INNER_HOST}\r\n")), "200, after", 1),
        ("another name of ours, and a page of it", at("/mcp/bank", &format!("Host: {INNER_HOST}\r\nOrigin: http://{INNER_HOST}\r\n")), "403, after", 0),
        ("a name that is not ours", at("/mcp/bank", "Host: evil.example\r\n"), "421, after", 0),
        ("a name that is not ours, absolute", at("http://evil.example/mcp/bank", "Host: evil.example\r\n"), "421, after", 0),
        ("a name that is not ours, and a page of it", at("/mcp/bank", "Host: evil.example\r\nOrigin: http://evil.example\r\n"), "421, after", 0),
        ("a path that is named elsewhere", at("/mcp/none", &format!("{ours}X-Original-URL: /mcp/bank\r\nX-Rewrite-URL: /mcp/bank\r\nX-Forwarded-Prefix: /mcp/bank\r\n")), "404, after", 0),
        ("HTTP/1.0 without Host", String::from_utf8(at("/mcp/bank", "")).expect("it is text").replacen("HTTP/1.1", "HTTP/1.0", 1).into_bytes(), "200", 1),
        ("a path with dots", at("/mcp/x/../bank", &ours), "404, after", 0),
        ("an escaped path", at("/mcp/%62ank", &ours), "404, after", 0),
        ("two slashes", at("//mcp/bank", &ours), "404, after", 0),
        ("a backslash", at("/mcp\\bank", &ours), "404, after", 0),
        ("a slash more", at("/mcp/bank/", &ours), "404, after", 0),
    ];
    stage.plays(table).await;
}

#[tokio::test]
async fn mc_01_a_request_within_a_body_is_nobodys() {
    let stage = Stage::set().await;
    let hidden = String::from_utf8(stage.plain(CALL)).expect("it is text");
    let stranger = |more: &str| format!("{}Content-Type: application/json\r\n{more}\r\n", stage.line());
    let large = 4 * 1024 * 1024 + 1;
    let twenty = format!("{}after", "200, ".repeat(20));
    #[rustfmt::skip]
    let table = vec![
        ("all of it is the body of a 401", (stranger(&format!("Content-Length: {}\r\n", hidden.len())) + &hidden).into_bytes(), "401, after", 0),
        ("it follows the body of a 401", (stranger("Content-Length: 2\r\n") + "{}" + &hidden).into_bytes(), "401, 200, after", 1),
        // More is declared than was sent: whatever follows is body, or nothing.
        ("a 401 whose body has not come", (stranger("Content-Length: 100000\r\n") + &hidden).into_bytes(), "401", 0),
        ("a chunked 401", (stranger("Transfer-Encoding: chunked\r\n") + &chunked(&hidden)).into_bytes(), "401, after", 0),
        ("a chunked 401 that goes on", (stranger("Transfer-Encoding: chunked\r\n") + "fffff\r\n" + &hidden).into_bytes(), "401", 0),
        ("a 413 before its body", (stage.head(&format!("Content-Length: {large}\r\n")) + &hidden).into_bytes(), "413", 0),
        ("a 404 with a body", (format!("POST /nowhere HTTP/1.1\r\nHost: {}\r\nContent-Length: 100000\r\n\r\n{hidden}", stage.host)).into_bytes(), "404", 0),
        ("a GET with a body", (stage.head(&format!("Content-Length: {}\r\n", hidden.len())) + &hidden).replacen("POST", "PUT", 1).into_bytes(), "405, after", 0),
        // Each of a pipeline has its own token, or none.
        ("a stranger behind Alice", [stage.plain(CALL), (stranger(&format!("Content-Length: {}\r\n", CALL.len())) + CALL).into_bytes()].concat(), "200, 401, after", 1),
        ("Alice behind a stranger", [(stranger(&format!("Content-Length: {}\r\n", CALL.len())) + CALL).into_bytes(), stage.plain(CALL)].concat(), "401, 200, after", 1),
        ("twenty in a row", stage.plain(CALL).repeat(20), &twenty, 20),
    ];
    stage.plays(table).await;
}

#[tokio::test]
async fn mc_01_what_asks_for_another_protocol_gets_this_one() {
    let stage = Stage::set().await;
    let n = CALL.len();
    let host = &stage.host;
    let h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n";
    let websocket =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let bodiless =
        |method: &str, target: &str| format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{}\r\n", stage.authorization()).into_bytes();
    let expecting = stage.with("Expect: 100-continue\r\n", CALL);
    let unknown = format!("{}Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {n}\r\n\r\n", stage.line());
    #[rustfmt::skip]
    let table = vec![
        ("h2c", stage.with(h2c, CALL), "200, after", 1),
        ("websocket", stage.with(websocket, CALL), "200, after", 1),
        ("CONNECT of elsewhere", bodiless("CONNECT", "evil.example:443"), "400", 0),
        ("CONNECT of ourselves", bodiless("CONNECT", host), "400", 0),
        ("CONNECT of a path", bodiless("CONNECT", "/mcp/bank"), "400", 0),
        ("TRACE", bodiless("TRACE", "/mcp/bank"), "405, after", 0),
        ("TRACE of a stranger", format!("TRACE /mcp/bank HTTP/1.1\r\nHost: {host}\r\nMax-Forwards: 0\r\n\r\n").into_bytes(), "401, after", 0),
        ("a method in a header", stage.with("X-HTTP-Method-Override: DELETE\r\nX-HTTP-Method: DELETE\r\n", CALL), "200, after", 1),
        ("told to go on", expecting, "100, 200, after", 1),
        ("expecting something else", stage.with("Expect: the-unexpected\r\n", CALL), "200, after", 1),
        // A stranger is not told to go on, and what he sends all the same is body.
        ("a stranger who asks first", (unknown.clone() + CALL).into_bytes(), "401, after", 0),
        ("a stranger who sends another request instead", (unknown + std::str::from_utf8(&stage.plain(CALL)).expect("it is text")).into_bytes(), "401, 400", 0),
    ];
    stage.plays(table).await;

    let traced = stage.hears(bodiless("TRACE", "/mcp/bank")).await;
    assert!(traced.answers.iter().all(|answer| !answer.body.contains(&stage.alice.access)), "TRACE says the token");
}

#[tokio::test]
async fn mc_02_no_header_asks_another_away() {
    let stage = Stage::set().await;
    stage.tells(stage.plain(CALL)).await;
    let (_, plain) = (stage.hears(stage.plain(CALL)).await, stage.reached().remove(0));
    assert_eq!(
        plain.names(),
        ["accept-encoding", "authorization", "content-length", "content-type", "host"],
        "what a plain call goes on with: {}",
        plain.head
    );
    assert_eq!(plain.body, CALL.as_bytes(), "byte for byte");

    // Whatever is declared to be for this hop only, what decides is decided by, and what goes on is the same.
    let named = "authorization, content-type, content-length, mcp-session-id, mcp-protocol-version, mcp-method, host, accept-encoding";
    for connection in [
        format!("Connection: {named}\r\n"),
        format!("Connection: close\r\nConnection: {named}\r\n"),
        format!("Keep-Alive: 1\r\nProxy-Connection: {named}\r\nTE: trailers, deflate\r\nTrailer: authorization\r\n"),
    ] {
        let said = stage.hears(stage.with(&connection, CALL)).await;
        assert_eq!(said.answers[0].status, 200, "{connection}: {}", said.answers[0].body);
        let reached = stage.reached();
        assert_eq!(reached.len(), 1, "{connection}");
        assert_eq!((&reached[0].names(), &reached[0].body), (&plain.names(), &plain.body), "{connection}: {}", reached[0].head);
        assert_eq!(reached[0].values("content-type"), ["application/json"]);
    }
    // A header that decides is read though it is named so: a session that is nobody's is refused, a stranger stays one.
    let session = stage.tells(stage.with("Connection: mcp-session-id\r\nMcp-Session-Id: made-up\r\n", CALL)).await;
    assert_eq!(session, ("404, after".to_owned(), 0));
    let mirrored = stage.tells(stage.with("Connection: mcp-method\r\nMcp-Method: tools/list\r\n", CALL)).await;
    assert_eq!(mirrored, ("400, after".to_owned(), 0));
}

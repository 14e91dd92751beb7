//! Bodies that say they are something else, or that two readers read differently.

use crate::stage::{CALL, Stage};

#[tokio::test]
async fn mc_01_a_body_is_json_in_utf_8_read_once() {
    let stage = Stage::set().await;
    let typed = |kind: &str, body: &[u8]| {
        let head = format!("{}{}{kind}Content-Length: {}\r\n\r\n", stage.line(), stage.authorization(), body.len());
        [head.as_bytes(), body].concat()
    };
    let of = |kind: &str| typed(&format!("Content-Type: {kind}\r\n"), CALL.as_bytes());
    let json = |body: &[u8]| typed("Content-Type: application/json\r\n", body);
    let utf_16: Vec<u8> = CALL.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf_32: Vec<u8> = CALL.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    let twice = |member: &str| CALL.replacen("\"method\"", &format!("{member},\"method\""), 1);
    #[rustfmt::skip]
    let table = vec![
        ("JSON", of("application/json"), "200, after", 1),
        ("in utf-8", of("Application/JSON; Charset=\"UTF-8\""), "200, after", 1),
        ("none", typed("", CALL.as_bytes()), "415, after", 0),
        ("an empty one", of(""), "415, after", 0),
        ("text", of("text/plain"), "415, after", 0),
        ("text/json", of("text/json"), "415, after", 0),
        ("something like it", of("application/json-rpc"), "415, after", 0),
        ("with a suffix", of("application/problem+json"), "415, after", 0),
        ("a form", of("application/x-www-form-urlencoded"), "415, after", 0),
        ("a multipart", of("multipart/form-data; boundary=x"), "415, after", 0),
        ("a stream of events", of("text/event-stream"), "415, after", 0),
        ("utf-7", of("application/json; charset=utf-7"), "415, after", 0),
        ("utf-16", of("application/json; charset=utf-16"), "415, after", 0),
        ("latin", of("application/json; charset=iso-8859-1"), "415, after", 0),
        ("two charsets", of("application/json; charset=utf-8; charset=utf-7"), "415, after", 0),
        ("a charset with a space", of("application/json; charset =utf-7"), "415, after", 0),
        ("a charset in parts", of("application/json; charset*=utf-8''utf-7"), "415, after", 0),
        ("a comma", of("application/json, text/plain"), "415, after", 0),
        ("beyond ASCII", of("application/json; a=\u{e9}"), "415, after", 0),
        ("gzip", typed("Content-Type: application/json\r\nContent-Encoding: gzip\r\n", CALL.as_bytes()), "415, after", 0),
        ("identity, gzip", typed("Content-Type: application/json\r\nContent-Encoding: identity, gzip\r\n", CALL.as_bytes()), "415, after", 0),
        ("gzip in the second line", typed("Content-Type: application/json\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\n", CALL.as_bytes()), "415, after", 0),
        ("identity", typed("Content-Type: application/json\r\nContent-Encoding: identity\r\n", CALL.as_bytes()), "200, after", 1),
        ("a mark of byte order", json(format!("\u{feff}{CALL}").as_bytes()), "400, after", 0),
        ("bytes of utf-16", json(&utf_16), "400, after", 0),
        ("bytes of utf-32", json(&utf_32), "400, after", 0),
        ("what is not UTF-8", json(&CALL.replace("{}", "{\"a\":\"@\"}").bytes().map(|byte| if byte == b'@' { 0xff } else { byte }).collect::<Vec<_>>()), "400, after", 0),
        ("a letter longer than it must be", json(&[CALL.as_bytes(), &[0xc0, 0x80]].concat()), "400, after", 0),
        ("half a pair", json(CALL.replace("account_balance", "account_balance\\ud800").as_bytes()), "400, after", 0),
        ("NUL at the end", json(format!("{CALL}\0").as_bytes()), "400, after", 0),
        ("NUL in a name", json(CALL.replace("account_balance", "account_balance\\u0000").as_bytes()), "200, after", 1),
        ("nothing", json(b""), "400, after", 0),
        ("two messages", json(format!("{CALL}{CALL}").as_bytes()), "400, after", 0),
        ("a comment", json(format!("{CALL}/* */").as_bytes()), "400, after", 0),
        ("a comma too many", json(CALL.replace("{}", "{},").as_bytes()), "400, after", 0),
        ("a number too clever", json(CALL.replacen("\"id\":1", "\"id\":01", 1).as_bytes()), "400, after", 0),
        ("NaN", json(CALL.replace("{}", "NaN").as_bytes()), "400, after", 0),
        ("quotes of another kind", json(CALL.replace('"', "'").as_bytes()), "400, after", 0),
        ("a method twice", json(twice(r#""method":"ping""#).as_bytes()), "400, after", 0),
        ("a method twice, once escaped", json(twice(r#""m\u0065thod":"ping""#).as_bytes()), "400, after", 0),
        ("a method in two cases", json(twice(r#""Method":"ping""#).as_bytes()), "400, after", 0),
        ("parameters twice", json(twice(r#""params":{"name":"transfer"}"#).as_bytes()), "400, after", 0),
        ("a tool twice", json(CALL.replacen("\"name\"", "\"name\":\"transfer\",\"name\"", 1).as_bytes()), "400, after", 0),
        ("a version twice", json(twice(r#""jsonrpc":"2.0""#).as_bytes()), "400, after", 0),
    ];
    stage.plays(table).await;
}

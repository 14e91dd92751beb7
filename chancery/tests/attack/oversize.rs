//! Too much of everything: lines, headers, bodies, depth. It is refused before it is kept, and the upstream sees nothing of it.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::memory;
use crate::stage::{CALL, Stage};
use crate::wire::{self, connect};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn mc_01_a_head_has_a_size() {
    let stage = Stage::set().await;
    let plain = String::from_utf8(stage.plain(CALL)).expect("it is text");
    let target = |size: usize| plain.replacen("/mcp/bank", &format!("/mcp/bank?{}", "a".repeat(size)), 1).into_bytes();
    let header = |size: usize| stage.with(&format!("X-A: {}\r\n", "a".repeat(size)), CALL);
    let headers = |count: usize| stage.with(&"X-A: b\r\n".repeat(count), CALL);
    #[rustfmt::skip]
    let table = vec![
        ("a long target", target(8_000), "200, after", 1),
        ("a target too long", target(70_000), "431", 0),
        ("a method without end", vec![b'A'; MIB], "431", 0),
        ("a long header", header(32_000), "200, after", 1),
        ("a header too long", header(70_000), "431", 0),
        ("a header's name too long", stage.with(&format!("{}: b\r\n", "a".repeat(66_000)), CALL), "431", 0),
        ("many headers", headers(90), "200, after", 1),
        ("too many headers", headers(200), "431", 0),
        ("far too many headers", headers(100_000), "431", 0),
        ("headers that are too much together", stage.with(&format!("X-A: {}\r\n", "a".repeat(1_000)).repeat(80), CALL), "431", 0),
    ];
    stage.plays(table).await;
}

#[tokio::test]
async fn mc_01_a_body_over_the_limit_is_refused_before_it_is_kept() {
    let stage = Stage::alone().await;
    let large = 4 * MIB;
    let argument = |size: usize| CALL.replace("{}", &format!(r#"{{"a":"{}"}}"#, "x".repeat(size)));
    let exactly = argument(large - CALL.len() - r#""a":"""#.len());
    assert_eq!(exactly.len(), large);
    let reached = stage.hears(stage.plain(&exactly)).await;
    assert_eq!(reached.short(), "200, after", "as much as there may be");
    assert_eq!(stage.reached()[0].body, exactly.as_bytes(), "byte for byte");

    // Told beforehand: refused though not a byte of it has come.
    let told = wire::say(&stage.host, stage.head(&format!("Content-Length: {}\r\n", large + 1)).as_bytes()).await;
    assert_eq!(told.short(), "413");
    let told = wire::say(&stage.host, stage.head("Content-Length: 9223372036854775807\r\n").as_bytes()).await;
    assert_eq!(told.short(), "413");

    // Not told: cut off where it is too much, and what all of them send is not kept.
    let first = endless(&stage, "413").await;
    assert!(first < 24 * MIB, "{first} bytes were taken of a body");
    let before = memory::in_use();
    let sent = futures_util::future::join_all((0..24).map(|_| endless(&stage, "4"))).await;
    let after = memory::in_use();
    let most = sent.iter().copied().max().unwrap_or(0);
    println!("24 endless bodies: {} MiB sent at most, {before} KiB before, {after} KiB after", most / MIB);
    assert!(most < 24 * MIB, "{most} bytes were taken of a body");
    assert_eq!(stage.reached().len(), 0);
    assert_eq!(stage.tells(stage.plain(CALL)).await, ("200, after".to_owned(), 1));
}

/// Sends chunks until the server closes; how much it took. The kernel's buffers hold some of it. Of many at once some are one too many (429).
async fn endless(stage: &Stage, status: &str) -> usize {
    let mut stream = connect(&stage.host).await;
    let chunk = [format!("{:x}\r\n", 65_536).as_bytes(), &[b' '; 65_536], b"\r\n"].concat();
    let _ = stream.write_all(stage.head("Transfer-Encoding: chunked\r\n").as_bytes()).await;
    let mut sent = 0;
    while let Ok(Ok(())) = timeout(Duration::from_secs(5), stream.write_all(&chunk)).await {
        sent += chunk.len();
        if sent > 64 * MIB {
            break;
        }
    }
    let mut came = Vec::new();
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut came)).await;
    let text = String::from_utf8_lossy(&came);
    assert!(text.is_empty() || text.starts_with(&format!("HTTP/1.1 {status}")), "{text}");
    sent
}

#[tokio::test]
async fn mc_01_depth_breaks_nothing() {
    let stage = Stage::set().await;
    let within = |bomb: &str| CALL.replace("{}", bomb);
    let deep = |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
    #[rustfmt::skip]
    let table = vec![
        // What is not read here is not judged here; it goes on byte for byte to whoever reads it.
        ("deep arguments", stage.plain(&within(&deep("[", "]", 100))), "200, after", 1),
        ("very deep arguments", stage.plain(&within(&deep("[", "]", 1_000_000))), "200, after", 1),
        ("very deep objects", stage.plain(&within(&format!("{}1{}", "{\"a\":".repeat(500_000), "}".repeat(500_000)))), "200, after", 1),
        ("arrays that do not end", stage.plain(&"[".repeat(4_000_000)), "400, after", 0),
        ("objects that do not end", stage.plain(&"{\"a\":".repeat(800_000)), "400, after", 0),
        ("a deep id", stage.plain(&format!(r#"{{"jsonrpc":"2.0","id":{},"method":"ping"}}"#, deep("[", "]", 1_000_000))), "400, after", 0),
        ("a deep name", stage.plain(&CALL.replace(r#""account_balance""#, &deep("[", "]", 100_000))), "400, after", 0),
        ("a number of a million digits", stage.plain(&CALL.replacen("\"id\":1", &format!("\"id\":{}", "9".repeat(1_000_000)), 1)), "200, after", 1),
        ("a method of a million letters", stage.plain(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "m".repeat(1_000_000))), "200, after", 1),
        ("a tool of a million letters", stage.plain(&CALL.replace("account_balance", &"t".repeat(1_000_000))), "200, after", 1),
        ("a batch of too many", stage.plain(&format!("[{}]", vec![CALL; 33].join(","))), "400, after", 0),
        ("a batch of a million", stage.plain(&format!("[{}]", vec!["1"; 1_000_000].join(","))), "400, after", 0),
        ("escapes alone", stage.plain(&CALL.replace("account_balance", &"\\u0041".repeat(600_000))), "200, after", 1),
    ];
    stage.plays(table).await;
}

/// What a policy reads of a call may cost no more than a measure, however a small text is made to say much.
#[tokio::test]
async fn mc_01_arguments_that_a_policy_reads_have_a_measure() {
    const NOT_MUCH: &str = r#"@id("not_much") forbid (principal, action == Chancery::Action::"call_tool", resource) when {
        context.arguments.integers.hasTag("amount") && context.arguments.integers.getTag("amount") > 1000 };"#;
    let stage = Stage::alone().await;
    stage.site.apply(|file| file["policies"] = NOT_MUCH.into()).await;
    let given = |arguments: &str| stage.plain(&CALL.replace("{}", arguments));
    let many = |count: usize| (0..count).map(|at| format!("\"{at:x}\":1")).collect::<Vec<_>>().join(",");
    let before = memory::in_use();
    #[rustfmt::skip]
    let table = vec![
        ("what is usual", given(r#"{"amount":1,"lines":[{"sku":"a"},{"sku":"b"}]}"#), "200, after", 1),
        ("a long name over many", given(&format!("{{\"{}\":{{{}}}}}", "a".repeat(2 * MIB), many(150_000))), "400, after", 0),
        ("a long name over a list", given(&format!("{{\"{}\":[{}]}}", "a".repeat(MIB / 2), vec!["1"; 500_000].join(","))), "200, after", 1),
        ("very many names", given(&format!("{{{}}}", many(300_000))), "400, after", 0),
        ("a list of very many", given(&format!("{{\"a\":[{}]}}", vec!["\"\""; 1_000_000].join(","))), "400, after", 0),
        ("very deep", given(&format!("{}1{}", "{\"a\":".repeat(500_000), "}".repeat(500_000))), "400, after", 0),
        ("very deep arrays", given(&format!("{{\"a\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000))), "400, after", 0),
    ];
    stage.plays(table).await;
    let after = memory::in_use();
    println!("arguments that a policy reads: {before} KiB before, {after} KiB after");
    assert!(after < before + 96 * 1024, "{} KiB are kept of it", after - before);
}

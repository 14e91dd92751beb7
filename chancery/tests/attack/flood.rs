//! HTTP/2 as a lever: little is sent, so that much is kept or done. Each flood ends with its connection or is worth no more than it costs;
//! memory is bounded, and who is honest is served meanwhile.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use crate::frames::{self, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Made, PING, RST_STREAM, SETTINGS, frame, request, text};
use crate::memory;
use crate::stage::{CALL, Stage};
use crate::wire::SILENCE;

/// In KiB: more than any flood may leave behind.
const MOST_MORE: usize = 48 * 1024;
const ENHANCE_YOUR_CALM: u32 = 11;
const CANCEL: [u8; 4] = [0, 0, 0, 8];
/// `GET http://x/` but for a path that is not there.
const GET: &[u8] = b"\x82\x86\x84\x41\x01x";

/// Sends pieces until the server takes no more, while somebody honest calls; what was made of it, and how much was taken.
async fn flooded(stage: &Stage, name: &str, pieces: impl Iterator<Item = Vec<u8>>) -> (Made, usize) {
    let (before, began) = (memory::in_use(), Instant::now());
    let mut stream = frames::open(&stage.host).await;
    let (mut reader, mut writer) = stream.split();
    let mut sent = 0;
    let sending = async {
        for piece in pieces {
            match timeout(Duration::from_secs(1), writer.write_all(&piece)).await {
                Ok(Ok(())) => sent += piece.len(),
                _ => return,
            }
        }
    };
    let honest = async {
        for _ in 0..5 {
            assert_eq!(stage.hears(stage.plain(CALL)).await.short(), "200, after", "{name}: an honest call");
        }
    };
    let ((), (), made) = tokio::join!(sending, honest, frames::made(&mut reader, &[u32::MAX], Duration::from_secs(2)));
    let after = memory::in_use();
    println!("{name}: {sent} bytes taken in {:?}, {before} KiB before, {after} KiB after, {:?} goaway", began.elapsed(), made.goaway);
    assert!(after < before + MOST_MORE, "{name}: {} KiB are kept of it", after - before);
    (made, sent)
}

#[tokio::test]
async fn mc_01_streams_that_are_reset_at_once_end_their_connection() {
    let stage = Stage::alone().await;
    let authorization = stage.bearer();
    let fields = stage.own_fields(&authorization);
    let reset = (0..20_000_u32).map(|number| {
        let stream = number * 2 + 1;
        [request(stream, &fields, CALL.as_bytes()), frame(RST_STREAM, 0, stream, &CANCEL)].concat()
    });
    let (made, _) = flooded(&stage, "rapid reset", reset).await;
    assert_eq!(made.goaway, Some(ENHANCE_YOUR_CALM), "{:?}", made.closed);
    let reached = stage.reached().len();
    println!("rapid reset: {reached} requests reached the upstream");
    assert!(reached < 500, "{reached} calls of 20,000 that nobody waited for went on");

    // The other way round: the server is made to reset (CVE-2025-8671).
    let made_to_reset = (0..20_000_u32).map(|number| {
        let stream = number * 2 + 1;
        [frame(HEADERS, END_HEADERS, stream, GET), frame(frames::WINDOW_UPDATE, 0, stream, &[0; 4])].concat()
    });
    let (made, _) = flooded(&stage, "made to reset", made_to_reset).await;
    assert!(made.goaway.is_some(), "{:?}", made.closed);
}

#[tokio::test]
async fn mc_01_a_header_block_without_end_is_not_kept() {
    let stage = Stage::alone().await;
    let first = frame(HEADERS, END_STREAM, 1, GET);
    let mut field = vec![0];
    text(&mut field, b"a");
    text(&mut field, &[b'b'; 1_000]);
    let more = frame(CONTINUATION, 0, 1, &field);
    let without_end = std::iter::once(first.clone()).chain(std::iter::repeat_n(more, 100_000));
    let (made, sent) = flooded(&stage, "continuations", without_end).await;
    assert!(made.closed && sent < 32 * 1024 * 1024, "{sent} bytes of one header block were taken");

    let empty = std::iter::once(first).chain(std::iter::repeat_n(frame(CONTINUATION, 0, 1, b"").repeat(100), 10_000));
    let (made, _) = flooded(&stage, "empty continuations", empty).await;
    assert!(made.closed, "a header block goes on for ever");
}

#[tokio::test]
async fn mc_01_a_packed_header_list_is_not_unpacked_beyond_its_bound() {
    let stage = Stage::alone().await;
    // One field of 4,000 bytes enters the table, and each byte more names it again: 16 MB from 4 KB, in each of a thousand requests.
    let mut bomb = GET.to_vec();
    bomb.push(0x40);
    text(&mut bomb, b"a");
    text(&mut bomb, &[b'b'; 4_000]);
    bomb.extend([0xbe; 4_000]);
    let bombs = (0..1_000_u32).map(|number| frame(HEADERS, END_HEADERS | END_STREAM, number * 2 + 1, &bomb));
    let (made, _) = flooded(&stage, "packed headers", bombs).await;
    assert!(made.streams.values().all(|made| made == "431" || made.starts_with("reset")), "{:?}", made.streams);
}

#[tokio::test]
async fn mc_01_frames_that_ask_for_nothing_cost_no_more_than_they_do() {
    let stage = Stage::alone().await;
    let settings = std::iter::repeat_n(frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]).repeat(1_000), 100);
    flooded(&stage, "settings", settings).await;
    let pings = std::iter::repeat_n(frame(PING, 0, 0, &[7; 8]).repeat(1_000), 100);
    flooded(&stage, "pings", pings).await;
    let open = frame(HEADERS, END_HEADERS, 1, GET);
    let empty = std::iter::once(open).chain(std::iter::repeat_n(frame(DATA, 0, 1, b"").repeat(1_000), 100));
    flooded(&stage, "empty data", empty).await;

    // Nor where their answers are not read: what waits to be told does not grow.
    let before = memory::in_use();
    let mut deaf = frames::open(&stage.host).await;
    let pings = frame(PING, 0, 0, &[7; 8]).repeat(1_000);
    let mut sent = 0;
    while sent < 64 * 1024 * 1024 {
        match timeout(Duration::from_secs(1), deaf.write_all(&pings)).await {
            Ok(Ok(())) => sent += pings.len(),
            _ => break,
        }
    }
    let after = memory::in_use();
    println!("pings whose answers are not read: {sent} bytes taken, {before} KiB before, {after} KiB after");
    assert!(sent < 64 * 1024 * 1024 && after < before + MOST_MORE, "{sent} bytes were taken of pings that nobody hears answered");
    assert_eq!(stage.hears(stage.plain(CALL)).await.short(), "200, after");
}

#[tokio::test]
async fn mc_01_a_connection_asks_so_much_at_once_and_no_more() {
    let stage = Stage::alone().await;
    let mut stream = frames::open(&stage.host).await;
    // A hundred requests whose bodies do not come: 32 wait, the others are refused, and the connection goes on.
    let authorization = stage.bearer();
    let fields = stage.own_fields(&authorization);
    let open = |stream: u32| frame(HEADERS, END_HEADERS, stream, &frames::block(&fields));
    let all: Vec<u8> = (0..100_u32).flat_map(|number| open(number * 2 + 1)).collect();
    stream.write_all(&all).await.expect("they are sent");
    let refused: Vec<u32> = (32..100).map(|number| number * 2 + 1).collect();
    let made = frames::made(&mut stream, &refused, SILENCE).await;
    assert!(refused.iter().all(|id| made.streams.get(id).map(String::as_str) == Some("reset 7")), "{made:?}");
    assert_eq!(stage.hears(stage.plain(CALL)).await.short(), "200, after", "who is honest is served meanwhile");
    assert_eq!(stage.reached().len(), 1);
    // Those that were let in end once their bodies are there.
    for number in 0..32_u32 {
        stream.write_all(&frame(DATA, END_STREAM, number * 2 + 1, CALL.as_bytes())).await.expect("it is sent");
    }
    let waited: Vec<u32> = (0..32).map(|number| number * 2 + 1).collect();
    let made = frames::made(&mut stream, &waited, SILENCE).await;
    let answered = waited.iter().filter(|id| made.streams.get(id).map(String::as_str) == Some("200")).count();
    println!("of 32 at once {answered} were answered: {:?}", made.streams);
    assert_eq!(stage.reached().len(), answered);
}

#[tokio::test]
async fn mc_01_answers_that_nobody_reads_hold_nobody_up() {
    let stage = Stage::alone().await;
    let before = memory::in_use();
    let mut held = Vec::new();
    // Over HTTP/2 for a window of nothing, over HTTP/1.1 by not reading; and connections that say half a greeting, or nothing.
    for number in 0..160 {
        let mut stream = if number % 2 == 0 { frames::open(&stage.host).await } else { crate::wire::connect(&stage.host).await };
        let bytes = match number % 8 {
            0 | 2 => [frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), (0..32).flat_map(|at| stage.after_by_2(at * 2 + 1)).collect()].concat(),
            4 | 6 => frame(HEADERS, 0, 1, GET),
            1 => stage.plain(CALL).repeat(100),
            3 => b"P".to_vec(),
            5 => stage.head("Content-Length: 1000\r\n").into_bytes(),
            _ => format!("{}X-A: ", stage.line()).into_bytes(),
        };
        let _ = timeout(Duration::from_secs(1), stream.write_all(&bytes)).await;
        held.push(stream);
    }
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(stage.hears(stage.plain(CALL)).await.short(), "200, after");
    }
    let after = memory::in_use();
    println!("{} connections held: 20 honest calls in {:?}, {before} KiB before, {after} KiB after", held.len(), began.elapsed());
    assert!(after < before + MOST_MORE);
    for stream in &mut held {
        let _ = timeout(Duration::from_millis(1), stream.read(&mut [0])).await;
    }
}

//! HTTP/2 by hand: frames as they are written, header blocks without compression, and what the server made of them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wire::connect;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is small").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block: each field a literal that enters no table.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name.as_bytes());
        text(&mut block, value.as_bytes());
    }
    block
}

/// Not compressed: its length by seven bits and more, and itself (RFC 7541 §5).
pub fn text(block: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text.len();
    if rest < 127 {
        block.push(u8::try_from(rest).expect("it is below 127"));
    } else {
        block.push(127);
        rest -= 127;
        while rest >= 128 {
            block.push(u8::try_from(rest % 128 + 128).expect("it is a byte"));
            rest /= 128;
        }
        block.push(u8::try_from(rest).expect("it is below 128"));
    }
    block.extend_from_slice(text);
}

/// A whole request on this stream, in as many frames as it needs.
pub fn request(stream: u32, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let block = block(fields);
    let (first, rest) = block.split_at(block.len().min(16_000));
    let ends = |last: bool| if last { END_HEADERS } else { 0 };
    let end_stream = if body.is_empty() { END_STREAM } else { 0 };
    let mut bytes = frame(HEADERS, ends(rest.is_empty()) | end_stream, stream, first);
    let pieces: Vec<_> = rest.chunks(16_000).collect();
    for (at, piece) in pieces.iter().enumerate() {
        bytes.extend(frame(CONTINUATION, ends(at + 1 == pieces.len()), stream, piece));
    }
    let pieces: Vec<_> = body.chunks(16_000).collect();
    for (at, piece) in pieces.iter().enumerate() {
        bytes.extend(frame(DATA, if at + 1 == pieces.len() { END_STREAM } else { 0 }, stream, piece));
    }
    bytes
}

/// What the server made of a connection.
#[derive(Default, Debug)]
pub struct Made {
    /// By stream: a status, or where there was none `reset` with its code.
    pub streams: BTreeMap<u32, String>,
    pub ended: Vec<u32>,
    pub goaway: Option<u32>,
    pub closed: bool,
}

impl Made {
    /// What became of stream 1, whether the honest stream after it was answered, and whether the connection ended.
    pub fn short(&self, after: u32) -> String {
        let first = self.streams.get(&1).cloned();
        let after = (self.streams.get(&after).map(String::as_str) == Some("200")).then(|| "after".to_owned());
        let goaway = self.goaway.filter(|code| *code != 0).map(|code| format!("goaway {code}"));
        first.into_iter().chain(after).chain(goaway).collect::<Vec<_>>().join(", ")
    }
}

/// Opens a connection whose peer compresses nothing.
pub async fn open(host: &str) -> TcpStream {
    let mut stream = connect(host).await;
    let no_table = frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]);
    stream.write_all(&[PREFACE, &no_table].concat()).await.expect("the listener listens");
    stream
}

/// Reads until these streams have ended, or the server has closed or says nothing more.
pub async fn made(stream: &mut (impl tokio::io::AsyncRead + Unpin), wanted: &[u32], silence: Duration) -> Made {
    let mut made = Made::default();
    while !wanted.iter().all(|id| made.ended.contains(id)) {
        let Ok(next) = timeout(silence, next(stream)).await else { return made };
        let Some((kind, flags, id, payload)) = next else {
            made.closed = true;
            return made;
        };
        match kind {
            HEADERS => drop(made.streams.insert(id, status(&payload))),
            RST_STREAM => drop(made.streams.entry(id).or_insert_with(|| format!("reset {}", number(&payload)))),
            GOAWAY => made.goaway = Some(number(&payload[4..])),
            _ => {}
        }
        if kind == RST_STREAM || matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            made.ended.push(id);
        }
    }
    made
}

pub async fn next(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let mut payload = vec![0; usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2])];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], head[4], number(&head[5..]), payload))
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The first field of an answer's header block: of the static table, or digits by Huffman's code (RFC 7541 Appendices A and B).
fn status(block: &[u8]) -> String {
    let block = &block[block.iter().take_while(|byte| **byte & 0xe0 == 0x20).count()..];
    let known = [200, 204, 206, 304, 400, 404, 500];
    match block {
        [indexed @ 0x88..=0x8e, ..] => known[usize::from(*indexed) - 0x88].to_string(),
        [0x08 | 0x18 | 0x48, length, rest @ ..] if length & 0x80 == 0 => {
            String::from_utf8_lossy(&rest[..usize::from(*length)]).into_owned()
        }
        [0x08 | 0x18 | 0x48, length, rest @ ..] => digits(&rest[..usize::from(length & 0x7f)]),
        _ => format!("unread {block:?}"),
    }
}

/// `0`, `1` and `2` have five bits (0, 1, 2), the other digits six (25 to 31, from `3` on).
fn digits(code: &[u8]) -> String {
    let bits: Vec<u8> = code.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
    let value = |bits: &[u8]| bits.iter().fold(0, |value, bit| value << 1 | bit);
    let (mut rest, mut text) = (&bits[..], String::new());
    while rest.len() >= 5 {
        let short = value(&rest[..5]);
        if short <= 2 {
            text.push(char::from(b'0' + short));
            rest = &rest[5..];
        } else if let Some(long @ 25..=31) = (rest.len() >= 6).then(|| value(&rest[..6])) {
            text.push(char::from(b'3' + long - 25));
            rest = &rest[6..];
        } else {
            break; // what fills the last byte
        }
    }
    text
}

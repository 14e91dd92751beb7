use bytes::Bytes;
use chancery_outbound::BoxError;
use futures_util::{FutureExt as _, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use proptest::prelude::*;

use super::*;
use crate::fixtures::{not_shown, part};
use crate::listing::{Listed, Shown, Shows, cut_down};
use crate::verdict::Verdict;

/// The data of all events, as the standard says it: of the whole text at once.
fn by_the_standard(text: &[u8]) -> Vec<Vec<u8>> {
    let text = text.strip_prefix(MARK).unwrap_or(text);
    let mut lines: Vec<Vec<u8>> = vec![Vec::new()];
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\n' if at > 0 && text[at - 1] == b'\r' => {}
            b'\n' | b'\r' => lines.push(Vec::new()),
            _ => lines.last_mut().expect("one").push(*byte),
        }
    }
    lines.pop(); // it has no end
    let (mut events, mut data) = (Vec::new(), Vec::new());
    for line in lines {
        if line.is_empty() {
            data.pop();
            events.push(std::mem::take(&mut data));
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        if name == b"data" {
            data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            data.push(b'\n');
        }
    }
    events
}

/// The text in pieces that end at these places.
fn pieces<'t>(text: &'t [u8], cuts: &[usize]) -> Vec<&'t [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).chain([0, text.len()]).collect();
    places.sort_unstable();
    places.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect()
}

/// The raw events, and their data.
fn read(pieces: &[&[u8]]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut reader, mut raw, mut data) = (EventReader::default(), Vec::new(), Vec::new());
    let mut take = |reader: &mut EventReader| {
        while let Some(event) = reader.next_event() {
            raw.extend_from_slice(event.raw);
            data.push(event.data());
        }
    };
    for piece in pieces {
        reader.hear(piece);
        take(&mut reader);
    }
    reader.end();
    take(&mut reader);
    assert_eq!(raw.len() + reader.waiting(), pieces.concat().len());
    (raw, data)
}

fn verdict(kind: &'static str, pieces: &[&[u8]]) -> Verdict {
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect();
    let mut verdict = Verdict::of(&headers).expect("a type that is read");
    pieces.iter().for_each(|piece| verdict.hear(piece));
    verdict
}

/// Shows what is called `a`.
#[derive(Clone, Copy)]
struct OnlyA;

impl Shows for OnlyA {
    fn shows(&self, _: Listed, name: &str) -> bool {
        name == "a"
    }

    fn marks(&self) -> bool {
        false
    }
}

const UNREADABLE: &[u8] = b"UNREADABLE";

/// What goes on of it where lists are cut down.
fn shown(pieces: &[&[u8]]) -> Vec<u8> {
    let head = Response::builder().header(CONTENT_TYPE, "text/event-stream").body(()).expect("a head").into_parts().0;
    let frames: Vec<_> = pieces.iter().map(|piece| Ok::<_, BoxError>(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    let shown = Shown::new(&head, StreamBody::new(stream::iter(frames)), (OnlyA, part()), not_shown());
    shown.collect().now_or_never().expect("nothing to wait for").expect("a body").to_bytes().to_vec()
}

fn as_shown(data: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(data).ok().and_then(|data| cut_down(data, &OnlyA).ok()) {
        Some(Some(shown)) => shown.into_bytes(),
        Some(None) => data.to_vec(),
        None if data.trim_ascii().is_empty() => data.to_vec(),
        None => UNREADABLE.to_vec(),
    }
}

/// Text out of what streams are made of, whole and broken.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let ends = prop::sample::select(vec!["\n", "\r", "\r\n"]);
    let lines = prop::sample::select(vec![
        "",
        "",
        "data: {\"id\":1,\"result\":{}}",
        "data:{\"id\":1,\"error\":{}}",
        "data: {\"id\":1,\"result\":{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}",
        "data: {\"id\":1,",
        "data:  \"result\":{\"isError\":",
        "data: true}}",
        "data: {\"method\":\"x\"}",
        "data",
        "data:",
        "data: ",
        "data:\"err",
        "data : {\"error\":1}",
        "datum: {\"error\":1}",
        " data: {\"error\":1}",
        ": data: {\"error\":1}",
        "id: 1",
        "id",
        "retry: 500",
        "event: message",
        "\u{feff}",
        "\u{feff}data: {\"error\":1}",
        "\u{e9}",
    ]);
    let line = (lines, ends).prop_map(|(line, end)| format!("{line}{end}").into_bytes());
    let odd = prop::collection::vec(prop::sample::select(b"\r\n\xef\xbb\xbfdat: {\"".to_vec()), 0..6);
    let mark = prop::sample::select(vec![&b""[..], MARK, &MARK[..2]]).prop_map(<[u8]>::to_vec);
    let parts = prop::collection::vec(prop_oneof![8 => line, 1 => odd], 0..24);
    (mark, parts).prop_map(|(mark, parts)| [mark, parts.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn whoever_reads_a_stream_reads_the_same_however_it_is_cut(text in any_stream(), cuts in prop::collection::vec(0..2000_usize, 0..8)) {
        let expected = by_the_standard(&text);
        let (raw, data) = read(&pieces(&text, &cuts));
        prop_assert!(text.starts_with(&raw));
        prop_assert_eq!(&data, &expected);

        // It hears of half an event, too; so of whole ones alone.
        let heard = verdict("text/event-stream", &pieces(&raw, &cuts));
        let each: Vec<Verdict> = expected.iter().map(|data| verdict("application/json", &[data])).collect();
        prop_assert_eq!(heard.is_error(), each.iter().any(Verdict::is_error));
        prop_assert_eq!(heard.answers(), each.iter().map(Verdict::answers).sum::<usize>());
        prop_assert!(heard.is_between_events());

        let shown = by_the_standard(&shown(&pieces(&text, &cuts)));
        prop_assert_eq!(shown, expected.iter().map(|data| as_shown(data)).collect::<Vec<_>>());
    }
}

#[test]
fn an_event_is_given_once_it_is_whole() {
    let stream = b"\xef\xbb\xbf: hello\r\nid: 1\r\ndata: {\"a\":\r\ndata:1}\r\n\r\nevent: x\n\ndata: b\n\ndata: half";
    for size in 1..stream.len() {
        let (_, data) = read(&stream.chunks(size).collect::<Vec<_>>());
        assert_eq!(data, [&b"{\"a\":\n1}"[..], b"", b"b"], "by {size}");
    }
    let mut reader = EventReader::default();
    reader.hear(b"data: a\r\r");
    assert!(reader.next_event().is_none() && reader.waiting() == 9, "a LF may follow");
    reader.hear(b"\n");
    assert_eq!(reader.next_event().expect("an event").raw, b"data: a\r\r\n");
    reader.hear(b"data: b\r\r");
    reader.end();
    assert_eq!(reader.next_event().expect("an event").data(), b"b");
    assert!(reader.next_event().is_none() && reader.waiting() == 0);
}

use http::{HeaderValue, Response};
use http_body_util::{BodyExt, Full, StreamBody};

use super::*;
use crate::fixtures::{not_shown, part, tenant_id};
use crate::listing::tests::Only;
use crate::memory::Memory;

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},{"name":"b"}]}}"#;
const SHOWN: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}"#;

fn head(status: u16, kinds: &[&'static str]) -> Parts {
    let mut response = Response::builder().status(status);
    for kind in kinds {
        response = response.header(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response.body(()).expect("a head").into_parts().0
}

/// What comes of these pieces.
async fn shown(kind: &'static str, pieces: &[&[u8]]) -> Result<String, BoxError> {
    shown_of(&head(200, &[kind]), pieces).await
}

async fn shown_of(head: &Parts, pieces: &[&[u8]]) -> Result<String, BoxError> {
    let mut frames: std::vec::IntoIter<_> =
        pieces.iter().map(|piece| Frame::data(Bytes::copy_from_slice(piece))).collect::<Vec<_>>().into_iter();
    let body = StreamBody::new(futures_util::stream::poll_fn(move |_| Poll::Ready(frames.next().map(Ok::<_, BoxError>))));
    let shown = Shown::new(head, body, (Only(&["a"], false), part()), not_shown()).collect().await?;
    Ok(String::from_utf8(shown.to_bytes().to_vec()).expect("text"))
}

/// Every way to cut a text in two, and byte by byte.
async fn however_cut(kind: &'static str, text: &str, expected: &str) {
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(shown(kind, &bytes).await.expect("a body"), expected, "{text:?}");
    for at in 0..=text.len() {
        let (one, other) = text.as_bytes().split_at(at);
        assert_eq!(shown(kind, &[one, other]).await.expect("a body"), expected, "{text:?} at {at}");
    }
}

#[tokio::test]
async fn mcp_1a_14_a_list_is_cut_down_however_it_comes_in_pieces() {
    however_cut("application/json; charset=utf-8", LIST, SHOWN).await;
    for end in ["\n", "\r\n"] {
        let stream = format!(": hello{end}{end}id: 7{end}event: message{end}data: {LIST}{end}{end}data: {{}}{end}{end}");
        let expected = format!(": hello{end}{end}id: 7\nevent: message\ndata: {SHOWN}\n\ndata: {{}}{end}{end}");
        however_cut("text/event-stream", &stream, &expected).await;
    }
    let in_lines = LIST.replace(",\"result\"", ",\n\"result\"").replace('\n', "\ndata: ");
    let expected = format!("data: {}\n\n", SHOWN.replace(",\"result\"", ",\ndata: \"result\""));
    however_cut("text/event-stream", &format!("data: {in_lines}\n\n"), &expected).await;
    however_cut("text/event-stream", &format!("\u{feff}data:{LIST}\n\n"), &format!("\u{feff}data: {SHOWN}\n\n")).await;
}

/// After the last CR no LF will come, and a reader does not wait for one.
#[tokio::test]
async fn mcp_1a_14_an_event_that_the_end_of_the_stream_completes_is_an_event() {
    let stream = format!("data: {{}}\r\rdata: {LIST}\r\r");
    however_cut("text/event-stream", &stream, &format!("data: {{}}\r\rdata: {SHOWN}\n\n")).await;
    however_cut("text/event-stream", &format!("data: {{}}\r\rdata: {LIST}\r"), "data: {}\r\r").await;
    // A server does not ask for more of a body that says it has ended.
    let body = Full::new(Bytes::from(stream));
    let mut shown = Shown::new(&head(200, &["text/event-stream"]), body, (Only(&["a"], false), part()), not_shown());
    let mut last = String::new();
    while !shown.is_end_stream() {
        let Some(frame) = shown.frame().await else { break };
        last = String::from_utf8_lossy(frame.expect("no error").data_ref().expect("data")).into_owned();
    }
    assert_eq!(last, format!("data: {SHOWN}\n\n"));
}

/// Each of them could be read, and all of them together are more than a node has.
#[tokio::test]
async fn a_list_for_which_there_is_no_room_is_not_shown() {
    const MIB: usize = 1024 * 1024;
    for (kind, before) in [("application/json", ""), ("text/event-stream", "data: ")] {
        let memory = Memory::of(256 * MIB);
        let part = || memory.part((&tenant_id(1), "alice"));
        let list = Bytes::from(format!("{before}{LIST}{}\n\n", " ".repeat(MIB)));
        let is_shown = async || {
            let pieces = [list.slice(..list.len() - 1), list.slice(list.len() - 1..)].map(|piece| Ok::<_, BoxError>(Frame::data(piece)));
            let body = StreamBody::new(futures_util::stream::iter(pieces));
            let shown = Shown::new(&head(200, &[kind]), body, (Only(&["a"], false), part()), not_shown());
            let all = shown.collect().await.map(|all| String::from_utf8_lossy(&all.to_bytes()).into_owned());
            assert!(all.as_ref().map_or(kind == "text/event-stream", |all| all == "NO ROOM" || all.contains(SHOWN)));
            all.is_ok_and(|all| all.contains(SHOWN))
        };
        let mut others = part();
        for (held, expected) in [(31 * MIB, true), (32 * MIB, false), (0, true)] {
            others.hold(held).expect("there is room");
            assert_eq!(is_shown().await, expected, "{kind}, beside {held} bytes");
        }
    }
}

#[tokio::test]
async fn many_small_events_in_one_piece_cost_what_they_hold() {
    let text = "\n".repeat(1024 * 1024);
    assert!(shown("text/event-stream", &[text.as_bytes()]).await.expect("a body") == text);
}

#[tokio::test]
async fn what_is_no_list_passes_as_it_came() {
    for text in ["", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n"] {
        however_cut("application/json", text, text).await;
    }
    let events = "retry: 500\n\ndata\n\nid: 1\ndata: \n\nid: 2\ndata: {\ndata: }\n\n: keep-alive\n\n";
    however_cut("text/event-stream", events, events).await;
}

/// A reader that does not look at the type, or looks at another one, would read the list whole.
#[tokio::test]
async fn mcp_1a_14_in_no_other_type_comes_a_list() {
    let whole = [LIST.as_bytes()];
    for kinds in
        [&["text/plain"][..], &[], &["application/json-seq"], &["application/json", "text/plain"], &["text/plain", "text/event-stream"]]
    {
        let head = head(200, kinds);
        assert!(is_of_another_type(&head), "{kinds:?}");
        assert_eq!(shown_of(&head, &whole).await.expect("a body"), "UNREADABLE", "{kinds:?}");
        assert_eq!(shown_of(&head, &[]).await.expect("a body"), "", "{kinds:?}");
    }
    // What failed may say so in words.
    let failed = head(404, &["text/plain"]);
    assert!(!is_of_another_type(&failed));
    assert_eq!(shown_of(&failed, &[b"Session not found"]).await.expect("a body"), "Session not found");
    assert_eq!(shown_of(&head(404, &["application/json"]), &whole).await.expect("a body"), SHOWN);
    assert!(!is_of_another_type(&head(200, &["Application/JSON; charset=utf-8"])));
}

#[tokio::test]
async fn what_nobody_can_read_is_no_answer() {
    for text in [&b"{"[..], b"\xff", b"{\"result\":{\"tools\":[]},\"result\":{}}"] {
        assert_eq!(shown("application/json", &[text]).await.expect("a body"), "UNREADABLE");
    }
    for data in [&b"{\"result\":{\"tools\":[]},\"Result\":{}}"[..], b"{\"a\":\"\xff\",\"result\":{\"tools\":[]}}", b"{\"a\":NaN}", b"\xff"]
    {
        let event = [b"data: {}\n\nid: 3\ndata: ", data, b"\n\n: on\n\n"].concat();
        assert_eq!(shown("text/event-stream", &[&event]).await.expect("a body"), "data: {}\n\nid: 3\ndata: UNREADABLE\n\n: on\n\n");
    }
    let piece = vec![b' '; 1024 * 1024];
    let pieces: Vec<&[u8]> = std::iter::repeat_n(&piece[..], 9).collect();
    assert_eq!(shown("application/json", &pieces).await.expect("a body"), "UNREADABLE");
    assert!(shown("text/event-stream", &pieces).await.is_err());
    // An event that never ended is heard by nobody.
    assert_eq!(
        shown("text/event-stream", &[b"data: {}\n\ndata: {\"result\":{\"tools\":[{\"name\":\"b\"}]}}\n"]).await.expect("a body"),
        "data: {}\n\n"
    );
}

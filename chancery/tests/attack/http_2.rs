//! HTTP/2 with prior knowledge, as it is served in clear: what is malformed never becomes a request, and the rest is judged as over
//! HTTP/1.1.

use chancery_testkit::cast::INNER_HOST;
use tokio::io::AsyncWriteExt as _;

use crate::frames::{
    self, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Made, PRIORITY, PUSH_PROMISE, SETTINGS, WINDOW_UPDATE, block,
    frame, request,
};
use crate::stage::{CALL, Stage};
use crate::wire::SILENCE;

/// The stream of the honest request that follows.
const AFTER: u32 = 101;

impl Stage {
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.alice.access)
    }

    /// The fields of a call, the pseudo-headers first.
    pub fn own_fields<'a>(&'a self, authorization: &'a str) -> [(&'a str, &'a str); 6] {
        [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", &self.host),
            (":path", "/mcp/bank"),
            ("authorization", authorization),
            ("content-type", "application/json"),
        ]
    }

    /// The same, without some, with others, which come after the pseudo-headers.
    fn fields(&self, without: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let authorization = self.bearer();
        let own = self.own_fields(&authorization);
        let (pseudo, rest) = own.split_at(4);
        let (more_pseudo, more): (Vec<_>, Vec<_>) = more.iter().copied().partition(|(name, _)| name.starts_with(':'));
        let all = pseudo.iter().copied().chain(more_pseudo).chain(rest.iter().copied()).chain(more);
        all.filter(|(name, value)| *name != without || *value == "kept").map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// A call by HTTP/2 on stream 1.
    fn call(&self, without: &str, more: &[(&str, &str)]) -> Vec<u8> {
        let fields = self.fields(without, more);
        request(1, &fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), CALL.as_bytes())
    }

    /// The same with one field another.
    fn called(&self, name: &str, value: &str) -> Vec<u8> {
        let mut fields = self.fields("", &[]);
        fields.iter_mut().filter(|(known, _)| known == name).for_each(|(_, known)| value.clone_into(known));
        request(1, &fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), CALL.as_bytes())
    }

    pub fn after_by_2(&self, stream: u32) -> Vec<u8> {
        let path = "/.well-known/oauth-protected-resource/mcp/bank";
        request(stream, &[(":method", "GET"), (":scheme", "http"), (":authority", &self.host), (":path", path)], &[])
    }

    pub async fn makes(&self, bytes: &[u8]) -> Made {
        let mut stream = frames::open(&self.host).await;
        let (mut reader, mut writer) = stream.split();
        let all = [bytes, &self.after_by_2(AFTER)].concat();
        let (_, made) = tokio::join!(writer.write_all(&all), frames::made(&mut reader, &[1, AFTER], SILENCE));
        made
    }

    async fn plays_by_2(&self, table: Vec<(&str, Vec<u8>, &str, usize)>) {
        let mut wrong = Vec::new();
        for (name, bytes, made, reached) in table {
            let told = (self.makes(&bytes).await.short(AFTER), self.reached().len());
            if told != (made.to_owned(), reached) {
                wrong.push(format!("{name}: expected {made:?} and {reached} upstream, got {:?} and {}", told.0, told.1));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[tokio::test]
async fn mc_01_fields_of_http_2_have_one_reading() {
    let stage = Stage::set().await;
    let host = &stage.host;
    let n = CALL.len().to_string();
    let call = |more: &[(&str, &str)]| stage.call("", more);
    #[rustfmt::skip]
    let table = vec![
        ("a call", call(&[]), "200, after", 1),
        ("with its length", call(&[("content-length", &n)]), "200, after", 1),
        ("with the host besides", call(&[("host", host)]), "200, after", 1),
        ("with the host instead", stage.call(":authority", &[("host", host)]), "200, after", 1),
        ("with another host besides", call(&[("host", "evil.example")]), "400, after", 0),
        ("of another name of ours", stage.called(":authority", INNER_HOST), "200, after", 1),
        ("of a name that is not ours", stage.called(":authority", "evil.example"), "421, after", 0),
        ("of a name that is not ours, instead", stage.call(":authority", &[("host", "evil.example:80")]), "421, after", 0),
        ("with two hosts", call(&[("host", host), ("host", host)]), "400, after", 0),
        ("without any", stage.call(":authority", &[]), "400, after", 0),
        ("a user", stage.called(":authority", &format!("a@{host}")), "400, after", 0),
        ("two authorities", call(&[(":authority", "evil.example")]), "reset 1, after", 0),
        ("two paths", call(&[(":path", "/mcp/exchange")]), "reset 1, after", 0),
        ("two methods", call(&[(":method", "GET")]), "reset 1, after", 0),
        ("no path", stage.call(":path", &[]), "reset 1, after", 0),
        ("an empty path", stage.called(":path", ""), "reset 1, after", 0),
        ("no method", stage.call(":method", &[]), "reset 1, after", 0),
        ("no scheme", stage.call(":scheme", &[]), "reset 1, after", 0),
        ("a pseudo-header of answers", call(&[(":status", "200")]), "reset 1, after", 0),
        ("a pseudo-header nobody knows", call(&[(":subject", "admin")]), "goaway 1", 0),
        ("a path with a space", stage.called(":path", "/mcp/bank HTTP/1.1"), "reset 1, after", 0),
        ("a path with a request in it", stage.called(":path", "/mcp/bank HTTP/1.1\r\nhost: a\r\n\r\n"), "reset 1, after", 0),
        ("a path without a slash", stage.called(":path", "mcp/bank"), "reset 1, after", 0),
        ("a whole address as the path", stage.called(":path", &format!("http://{host}/mcp/bank")), "reset 1, after", 0),
        ("an authority with a request in it", stage.called(":authority", &format!("{host}\r\nx: y")), "reset 1, after", 0),
        ("a method with a space", stage.called(":method", "POST /x"), "goaway 1", 0),
        ("a value with a line's end", call(&[("x-a", "b\r\nauthorization: Bearer x")]), "goaway 1", 0),
        ("a value with NUL", call(&[("x-a", "b\0c")]), "goaway 1", 0),
        ("a name with a line's end", call(&[("x-a\r\nx-b", "c")]), "goaway 1", 0),
        ("a name with a colon", call(&[("x-a: b\r\nx", "c")]), "goaway 1", 0),
        ("a name with a space", call(&[("x a", "b")]), "goaway 1", 0),
        ("a name in large letters", call(&[("X-A", "b")]), "goaway 1", 0),
        // What has no name is no header, and goes nowhere.
        ("no name", call(&[("", "b")]), "200, after", 1),
        ("a header of the connection", call(&[("connection", "authorization")]), "reset 1, after", 0),
        ("keep-alive", call(&[("keep-alive", "1")]), "reset 1, after", 0),
        ("proxy-connection", call(&[("proxy-connection", "close")]), "reset 1, after", 0),
        ("a transfer coding", call(&[("transfer-encoding", "chunked")]), "reset 1, after", 0),
        ("an upgrade", call(&[("upgrade", "websocket")]), "reset 1, after", 0),
        ("te: trailers", call(&[("te", "trailers")]), "200, after", 1),
        ("te: gzip", call(&[("te", "gzip")]), "reset 1, after", 0),
        ("two tokens", call(&[("authorization", "Bearer x")]), "400, after", 0),
        ("a session twice", call(&[("mcp-session-id", "a"), ("mcp-session-id", "a")]), "404, after", 0),
        ("two types", call(&[("content-type", "text/plain")]), "415, after", 0),
        ("nobody's", stage.call("authorization", &[]), "401, after", 0),
        ("headers that are too much", call(&[("x-a", &"a".repeat(40_000))]), "431, after", 0),
    ];
    stage.plays_by_2(table).await;
}

#[tokio::test]
async fn mc_01_a_length_that_disagrees_with_the_data_is_no_request() {
    let stage = Stage::set().await;
    let n = CALL.len();
    let long = (n + 1).to_string();
    let short = (n - 1).to_string();
    let head = |flags: u8, more: &[(&str, &str)]| {
        let fields = stage.fields("", more);
        let block = block(&fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>());
        frame(HEADERS, flags, 1, &block)
    };
    let open = head(END_HEADERS, &[]);
    let trailers = |fields: &[(&str, &str)], flags: u8| {
        [open.clone(), frame(DATA, 0, 1, CALL.as_bytes()), frame(HEADERS, flags, 1, &block(fields))].concat()
    };
    #[rustfmt::skip]
    let table = vec![
        ("more told than came", stage.call("", &[("content-length", &long)]), "reset 1, after", 0),
        ("less told than came", stage.call("", &[("content-length", &short)]), "reset 1, after", 0),
        ("two lengths", stage.call("", &[("content-length", &n.to_string()), ("content-length", &short)]), "reset 1, after", 0),
        ("a length with a sign", stage.call("", &[("content-length", &format!("+{n}"))]), "reset 1, after", 0),
        ("a length without a body", head(END_HEADERS | END_STREAM, &[("content-length", "5")]), "reset 1, after", 0),
        ("too much told", head(END_HEADERS, &[("content-length", "9223372036854775807")]), "413, after", 0),
        ("an end without a body", head(END_HEADERS | END_STREAM, &[]), "400, after", 0),
        // Trailers decide nothing and go nowhere, whatever they say.
        ("trailers", trailers(&[("authorization", "Bearer x"), ("mcp-session-id", "x")], END_HEADERS | END_STREAM), "200, after", 1),
        ("trailers with a pseudo-header", trailers(&[(":path", "/mcp/exchange")], END_HEADERS | END_STREAM), "200, after", 1),
        ("trailers that are not the end", trailers(&[("a", "b")], END_HEADERS), "reset 1, after", 0),
    ];
    stage.plays_by_2(table).await;
}

#[tokio::test]
async fn mc_01_frames_that_are_none_end_the_connection() {
    let stage = Stage::set().await;
    let call = stage.call("", &[]);
    let on = |stream: u32, kind: u8, flags: u8, payload: &[u8]| frame(kind, flags, stream, payload);
    #[rustfmt::skip]
    let table = vec![
        ("data on a stream that is not open", on(1, DATA, END_STREAM, b"x"), "goaway 1", 0),
        ("data on no stream", on(0, DATA, 0, b"x"), "goaway 1", 0),
        ("headers on no stream", on(0, HEADERS, END_HEADERS | END_STREAM, b""), "goaway 1", 0),
        ("a stream of ours", on(2, HEADERS, END_HEADERS | END_STREAM, b"\x82\x86\x84\x41\x01x"), "goaway 1", 0),
        ("a continuation of nothing", on(1, CONTINUATION, END_HEADERS, b""), "goaway 1", 0),
        ("headers that another frame breaks into", [on(1, HEADERS, 0, b"\x82"), call.clone()].concat(), "goaway 1", 0),
        ("a block that cannot be unpacked", on(1, HEADERS, END_HEADERS | END_STREAM, b"\xff\xff\xff\xff\xff\xff\xff"), "goaway 1", 0),
        ("an entry of a table that is empty", on(1, HEADERS, END_HEADERS | END_STREAM, b"\xbe"), "goaway 1", 0),
        ("a frame larger than agreed", on(1, HEADERS, END_HEADERS | END_STREAM, &[0x82; 20_000]), "goaway 6", 0),
        ("a promise by a client", on(1, PUSH_PROMISE, END_HEADERS, b"\0\0\0\x02\x82"), "goaway 1", 0),
        ("a window that grows by nothing", on(0, WINDOW_UPDATE, 0, &[0; 4]), "goaway 1", 0),
        ("a window that is too wide", on(0, WINDOW_UPDATE, 0, b"\x7f\xff\xff\xff"), "goaway 3", 0),
        ("settings on a stream", on(1, SETTINGS, 0, b""), "goaway 1", 0),
        ("settings of an odd size", on(0, SETTINGS, 0, b"abc"), "goaway 1", 0),
        ("a window beyond 31 bits", on(0, SETTINGS, 0, b"\0\x04\xff\xff\xff\xff"), "goaway 1", 0),
        ("a kind nobody knows", [on(1, 0xbb, 0xff, b"what"), call.clone()].concat(), "200, after", 1),
        ("a priority that does not matter", [on(1, PRIORITY, 0, b"\0\0\0\x03\x10"), call.clone()].concat(), "200, after", 1),
        ("a farewell before a call", [on(0, GOAWAY, 0, &[0; 8]), call.clone()].concat(), "200, after", 1),
    ];
    stage.plays_by_2(table).await;
}

/// Neither by an upgrade nor by a preface in the middle does one connection speak both.
#[tokio::test]
async fn mc_01_a_connection_speaks_one_protocol() {
    let stage = Stage::set().await;
    let then_2 = [stage.plain(CALL), frames::PREFACE.to_vec()].concat();
    let said = stage.tells(then_2).await;
    assert_eq!(said, ("200".to_owned(), 1), "HTTP/1.1, then a preface");
    let mut half = frames::open(&stage.host).await;
    half.write_all(&stage.plain(CALL)).await.expect("it is sent");
    let made = frames::made(&mut half, &[1], SILENCE).await;
    assert!(made.closed && made.streams.is_empty(), "HTTP/2, then HTTP/1.1: {made:?}");
    assert_eq!(stage.reached().len(), 0);
}

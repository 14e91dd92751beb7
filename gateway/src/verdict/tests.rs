use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const JSON: &str = "application/json; charset=utf-8";
const EVENTS: &str = "text/event-stream";

fn verdict(kind: &'static str, pieces: &[&[u8]]) -> bool {
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect();
    let mut verdict = Verdict::of(&headers).expect("a type that is read");
    pieces.iter().for_each(|piece| verdict.hear(piece));
    verdict.is_error()
}

const ERRORS: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"x"}}"#,
    r#"{ "error" : { } , "id" : 1 }"#,
    r#"{"result":{"content":[{"type":"text","text":"isError"}],"isError":true},"id":1}"#,
    r#"{"result":{"a":{"b":[1,{"c":"}"}]},"isError" : true}}"#,
    r#"[{"result":{}},{"error":{}}]"#,
    r#"[{"result":{"isError":true}}]"#,
    r#"{"jsonrpc":"2.0","id":1,"\u0065rror":{"code":-32602}}"#,
    r#"{"result":{"isErr\u006fr":true},"id":1}"#,
    r#"{"r\u0065sult":{"\u0069\u0073\u0045\u0072\u0072\u006F\u0072":true}}"#,
];

const ANSWERS: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":false}}"#,
    r#"{"result":{"error":{"code":1}},"id":1}"#,
    r#"{"result":{"x":{"isError":true}},"id":1}"#,
    r#"{"result":{},"isError":true}"#,
    r#"{"result":{"text":"\"error\":{\\\"","list":["error","isError"]},"error":null}"#,
    r#"{"errors":1,"erro":2,"Error":3,"isErrorX":true}"#,
    r#"{"params":{"result":{"isError":true}},"method":"error"}"#,
    r#"[{"result":{}},["error"],{"id":1}]"#,
    r#"{"\\u0065rror":1,"\u0165rror":2,"\ud83d\ude00error":3,"err\r":4,"error\u0000":5,"erro\u007":6}"#,
    "",
    "}}}",
];

#[test]
fn a_json_answer_is_an_error_or_not() {
    for text in ERRORS {
        assert!(verdict(JSON, &[text.as_bytes()]), "{text}");
    }
    for text in ANSWERS {
        assert!(!verdict(JSON, &[text.as_bytes()]), "{text}");
    }
}

#[test]
fn in_an_event_stream_each_event_is_a_message() {
    for end in ["\n", "\r\n", "\r"] {
        let stream = |texts: &[&str]| {
            texts.iter().map(|text| format!(": hello{end}event: message{end}id: 1{end}data: {text}{end}{end}")).collect::<String>()
        };
        for text in ERRORS {
            assert!(verdict(EVENTS, &[stream(&[ANSWERS[0], text]).as_bytes()]), "{text} {end:?}");
        }
        assert!(!verdict(EVENTS, &[stream(ANSWERS).as_bytes()]), "{end:?}");
        // Data over several lines is one text, and a field of another name is none.
        let split = format!("data: {{{end}data:\"error\"{end}data::1}}{end}{end}");
        assert!(verdict(EVENTS, &[split.as_bytes()]), "{end:?}");
        let other = format!("dat: {{\"error\":1}}{end}datax:{{\"error\":1}}{end}: data: {{\"error\":1}}{end}{end}");
        assert!(!verdict(EVENTS, &[other.as_bytes()]), "{end:?}");
    }
}

/// A reader skips one, at the beginning of the stream.
#[test]
fn a_byte_order_mark_hides_nothing() {
    let error = format!("data: {}\n\n", ERRORS[0]);
    for (mark, found) in [("", true), ("\u{feff}", true), ("\u{feff}\u{feff}", false), ("\u{feff}\n\n\u{feff}", false), ("\u{fec0}", false)]
    {
        let text = format!("{mark}{error}");
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!((verdict(EVENTS, &[text.as_bytes()]), verdict(EVENTS, &bytes)), (found, found), "{mark:?}");
    }
    let mut verdict = Verdict::of(&[(CONTENT_TYPE, HeaderValue::from_static(EVENTS))].into_iter().collect()).expect("a type");
    verdict.hear("\u{feff}".as_bytes());
    assert!(verdict.is_between_events() && verdict.answers() == 0);
    verdict.hear(br#"data: {"id":1,"r\u0065sult":{}}"#);
    assert!(!verdict.is_between_events() && verdict.answers() == 1);
}

/// Of a batch each answer counts, however they come: what asks and what tells is none.
#[test]
fn each_answer_counts_once() {
    for (text, answers) in [
        (r#"{"id":1,"result":{"error":1,"result":{}}}"#, 1),
        (r#"{"id":1,"result":null,"error":{"code":1}}"#, 1),
        (r#"{"id":1,"method":"x","params":{"result":1}}"#, 0),
        (r#"[{"id":1,"result":{"a":[{"result":1}]}},{"id":2,"error":{}},{"method":"x"},{"r\u0065sult":[],"id":3}]"#, 3),
        ("[]", 0),
    ] {
        for (kind, text, answers) in [(JSON, text.to_owned(), answers), (EVENTS, format!("data: {text}\n\ndata: {text}\n\n"), 2 * answers)]
        {
            for size in [1, 7, text.len()] {
                let mut verdict = Verdict::of(&[(CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect()).expect("a type");
                text.as_bytes().chunks(size).for_each(|piece| verdict.hear(piece));
                assert_eq!(verdict.answers(), answers, "{text}");
            }
        }
    }
}

#[test]
fn what_cannot_be_read_has_no_verdict() {
    let headers = |pairs: &[(http::HeaderName, &'static str)]| {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect::<HeaderMap>()
    };
    assert!(Verdict::of(&headers(&[])).is_none());
    assert!(Verdict::of(&headers(&[(CONTENT_TYPE, "text/html")])).is_none());
    assert!(Verdict::of(&headers(&[(CONTENT_TYPE, JSON), (CONTENT_ENCODING, "gzip")])).is_none());
}

/// What `hear` must come to, however much of it passes over at once.
fn heard_by_the_byte(verdict: &mut Verdict, bytes: &[u8]) {
    for byte in bytes {
        match &mut verdict.framing {
            Framing::Json => verdict.message.step(*byte),
            Framing::Events(events) => events.step(*byte, &mut verdict.message),
        }
    }
}

/// Text out of pieces that matter, garbage, and long stretches of nothing.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\\"",
        "\"error\":",
        "\"\\u0065rror\":",
        "\\u006",
        "\\uD83D",
        "\u{feff}",
        "\"result\":",
        "\"isError\":",
        "true",
        "null",
        " ",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "data:",
        "data: ",
        "id:",
        "id",
        "event: message",
        "\u{e9}",
        "12345",
    ];
    let pieces = prop::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec());
    let stretch = (prop::sample::select(b"x1 \xff".to_vec()), 1..200_usize).prop_map(|(byte, length)| vec![byte; length]);
    let known = prop::sample::select([ERRORS, ANSWERS].concat()).prop_map(|text| text.as_bytes().to_vec());
    let part = prop_oneof![6 => pieces, 1 => stretch, 1 => known, 1 => prop::collection::vec(any::<u8>(), 0..40)];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_is_passed_over_changes_nothing(text in anything(), cuts in prop::collection::vec(0..400_usize, 0..6), kind in prop::sample::select(vec![JSON, EVENTS])) {
        let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect();
        let (mut fast, mut slow) = (Verdict::of(&headers).expect("a type"), Verdict::of(&headers).expect("a type"));
        let mut rest = &text[..];
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            fast.hear(piece);
            heard_by_the_byte(&mut slow, piece);
            prop_assert_eq!(&fast, &slow);
            rest = after;
        }
    }

    #[test]
    fn how_an_answer_is_cut_changes_nothing(at in 0..ERRORS.len() + ANSWERS.len(), cut in 0_usize..80, other in 0_usize..80) {
        let text = ERRORS.iter().chain(ANSWERS).nth(at).expect("one of them");
        let stream = format!("data: {text}\r\n\r\n");
        for (kind, text) in [(JSON, *text), (EVENTS, stream.as_str())] {
            let bytes = text.as_bytes();
            let (first, second) = (cut.min(other).min(bytes.len()), cut.max(other).min(bytes.len()));
            let whole = verdict(kind, &[bytes]);
            prop_assert_eq!(verdict(kind, &[&bytes[..first], &bytes[first..second], &bytes[second..]]), whole);
        }
    }

    #[test]
    fn an_error_that_a_json_reader_sees_is_found(value in any_json()) {
        let expected = value.get("error").is_some_and(|error| !error.is_null())
            || value.get("result").and_then(|result| result.get("isError")) == Some(&serde_json::Value::Bool(true));
        prop_assert_eq!(verdict(JSON, &[value.to_string().as_bytes()]), expected, "{}", value);
    }

    #[test]
    fn an_error_is_found_however_its_names_are_written(value in any_json(), mask in any::<u8>()) {
        let plain = value.to_string();
        let written = ["error", "isError", "result"].iter().fold(plain.clone(), |text, name| text.replace(&format!("\"{name}\":"), &escaped(name, mask)));
        let read = serde_json::from_str::<serde_json::Value>(&written).expect("JSON");
        prop_assert_eq!(&read, &value);
        prop_assert_eq!(verdict(JSON, &[written.as_bytes()]), verdict(JSON, &[plain.as_bytes()]), "{}", written);
    }
}

/// JSON objects over the names that matter.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        prop::sample::select(vec!["error", "isError", "\"}{", "x\\"]).prop_map(serde_json::Value::from),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            prop::collection::btree_map(name(), inner, 0..4).prop_map(serde_json::Value::from_iter),
        ]
    });
    prop::collection::btree_map(name(), value, 0..4).prop_map(serde_json::Value::from_iter)
}

/// The name, with those of its letters escaped that the mask says.
fn escaped(name: &str, mask: u8) -> String {
    let letters = name.bytes().enumerate().map(|(at, byte)| match mask >> at & 1 {
        1 => format!("\\u{byte:04x}"),
        _ => char::from(byte).to_string(),
    });
    format!("\"{}\":", letters.collect::<String>())
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["error", "isError", "result", "x"]).prop_map(str::to_owned)
}

//! A hundred thousand tokens that are none, from one address over a few connections. Each is a 401 that says where to begin; nothing is
//! kept and nothing is written but how many there were, and who has a token is served meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_testkit::Forge;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::memory;
use crate::stage::{CALL, Stage};
use crate::wire::connect;

const ALL: usize = 100_000;
const CONNECTIONS: usize = 4;
/// So many are sent before their answers are read.
const IN_A_ROW: usize = 50;
/// What may be held more than before: connections' buffers, and what the allocator keeps.
const MOST_MORE: usize = 64 * 1024;

/// What a stranger invents; each kind has its own cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Random,
    Truncated,
    AlgNone,
    UnknownKey,
    ForeignIssuer,
    Flipped,
    Huge,
}

impl Kind {
    /// How many of the hundred thousand.
    const ALL: [(Self, usize); 7] = [
        (Self::Random, 30_000),
        (Self::Truncated, 20_000),
        (Self::AlgNone, 15_000),
        (Self::UnknownKey, 15_000),
        (Self::ForeignIssuer, 14_000),
        (Self::Flipped, 5_000),
        (Self::Huge, 1_000),
    ];
}

/// Makes tokens of one kind, none like another.
struct Mint {
    kind: Kind,
    header: String,
    payload: String,
    signature: String,
    foreign: String,
}

impl Mint {
    fn new(kind: Kind, good: &str) -> Self {
        let mut parts = good.split('.').map(str::to_owned);
        let [header, payload, signature] = [(); 3].map(|()| parts.next().expect("a token has three parts"));
        let foreign = URL_SAFE_NO_PAD.encode(r#"{"iss":"https://evil.example","sub":"a","aud":"b"}"#);
        Self { kind, header, payload, signature, foreign }
    }

    fn token(&self, number: usize) -> String {
        let Self { header, payload, signature, foreign, .. } = self;
        let encoded = |text: String| URL_SAFE_NO_PAD.encode(text);
        match self.kind {
            Kind::Random => format!("{:016x}{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number),
            Kind::Truncated => format!("{header}.{}", &payload[..payload.len() / 2 - number % 7 - 1]),
            Kind::AlgNone => format!("{}.{payload}.{number:x}", encoded(format!(r#"{{"typ":"at+jwt","alg":"none","n":{number}}}"#))),
            Kind::UnknownKey => {
                format!("{}.{payload}.{signature}", encoded(format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"key-{number}"}}"#)))
            }
            Kind::ForeignIssuer => format!("{header}.{foreign}.{number:086x}"),
            Kind::Flipped => format!("{header}.{payload}.{number:08x}{}", &signature[8..]),
            Kind::Huge => format!("{header}.{}{number:x}.{signature}", "a".repeat(20_000)),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_01_a_hundred_thousand_garbage_tokens_leave_nothing_behind() {
    let stage = Stage::alone().await;
    let head = |token: &str| format!("{}Authorization: Bearer {token}\r\nContent-Length: 2\r\n\r\n{{}}", stage.line());
    let _warm = stage.tells(head("x")).await;
    let (events, began) = (stage.site.audit().await.events.len(), Instant::now());
    let before = memory::in_use();

    let over = AtomicBool::new(false);
    let attack = async {
        for (kind, count) in Kind::ALL {
            let (began, next) = (Instant::now(), AtomicUsize::new(0));
            let mint = Mint::new(kind, &stage.alice.access);
            futures_util::future::join_all((0..CONNECTIONS).map(|_| connection(&stage, &mint, (&next, count)))).await;
            let took = began.elapsed();
            println!("{kind:?}: {count} in {took:?}, {:.0} a second", count as f64 / took.as_secs_f64());
        }
        over.store(true, Ordering::Relaxed);
    };
    let ((), honest) = tokio::join!(attack, served_until(&stage, &over));

    let after = memory::in_use();
    println!("{ALL} garbage tokens in {:?}; {before} KiB before, {after} KiB after; {honest} honest calls meanwhile", began.elapsed());
    assert!(after < before + MOST_MORE, "{} KiB are kept of it", after - before);
    assert!(honest > 10, "who has a token was served {honest} times");

    stage.site.summarise().await;
    let log = stage.site.audit().await;
    let (counted, told) = log.events[events..].iter().partition::<Vec<_>, _>(|event| event.kind == "refusals_counted");
    let sum: usize = counted.iter().filter_map(|event| event.fields["count"].parse::<usize>().ok()).sum();
    assert_eq!(sum, ALL + 1, "all were counted: {counted:#?}");
    assert!(counted.len() <= 12, "{} rows for what nobody in particular did", counted.len());
    assert!(told.iter().all(|event| event.fields.contains_key("subject")), "an event about a stranger");
    assert_eq!(stage.reached().len(), honest, "nothing but honest calls went on");
}

/// Sends what is left to send, and reads an answer to each.
async fn connection(stage: &Stage, mint: &Mint, (next, count): (&AtomicUsize, usize)) {
    let mut stream = connect(&stage.host).await;
    let line = stage.line().replacen("POST", "GET", 1); // whatever the method
    loop {
        let first = next.fetch_add(IN_A_ROW, Ordering::Relaxed);
        if first >= count {
            return;
        }
        let mut requests = String::new();
        for number in first..first + IN_A_ROW {
            requests += &format!("{line}Authorization: Bearer {}\r\n\r\n", mint.token(number));
        }
        let (mut reader, mut writer) = stream.split();
        let (sent, ()) = tokio::join!(writer.write_all(requests.as_bytes()), refusals(&mut reader, mint.kind));
        sent.expect("the connection stays");
    }
}

/// Reads so many refusals, each with the whole challenge.
async fn refusals(reader: &mut (impl tokio::io::AsyncRead + Unpin), kind: Kind) {
    let mut came = Vec::new();
    let (mut seen, mut at) = (0, 0);
    while seen < IN_A_ROW {
        assert!(reader.read_buf(&mut came).await.is_ok_and(|read| read > 0), "{kind:?}: the connection was closed after {seen}");
        let text = std::str::from_utf8(&came).expect("an answer is text");
        while let Some((head, length)) = answer(&text[at..]) {
            assert!(head.starts_with("HTTP/1.1 401 "), "{kind:?}: {head}");
            assert!(head.contains("www-authenticate: Bearer error=\"invalid_token\""), "{kind:?}: {head}");
            assert!(head.contains("/.well-known/oauth-protected-resource/mcp/bank\""), "{kind:?}: {head}");
            (seen, at) = (seen + 1, at + length);
        }
    }
    assert_eq!(at, came.len(), "{kind:?}: more came than was asked for");
}

/// The first answer's head, and how long it is with its body; nothing while it is not all there.
fn answer(text: &str) -> Option<(&str, usize)> {
    let end = text.find("\r\n\r\n")? + 4;
    let (_, length) = text[..end].split_once("content-length: ")?;
    let length = end + length.split_once('\r')?.0.parse::<usize>().ok()?;
    (text.len() >= length).then_some((&text[..end], length))
}

/// Calls by who has a token, one after another; how many were answered.
async fn served_until(stage: &Stage, over: &AtomicBool) -> usize {
    let mut answered = 0;
    let mut stream: TcpStream = connect(&stage.host).await;
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        stream.write_all(&stage.plain(CALL)).await.expect("the connection stays");
        let mut came = Vec::new();
        while std::str::from_utf8(&came).ok().and_then(answer).is_none() {
            assert!(stream.read_buf(&mut came).await.is_ok_and(|read| read > 0), "an honest connection was closed");
        }
        assert!(came.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&came));
        assert!(began.elapsed() < Duration::from_secs(15), "an honest call took {:?}", began.elapsed());
        answered += 1;
        tokio::time::sleep(Duration::from_millis(20)).await; // a person's pace, so that the attackers have the rest
    }
    answered
}

/// A token under a key that nobody published costs no signature check: one of a stranger's that is sound in itself is refused for its key.
#[tokio::test]
async fn at_01_a_token_under_an_unknown_key_is_refused_for_its_key() {
    let stage = Stage::set().await;
    let token = Forge::stranger("made-up").token(&stage.alice.claims());
    let asked = format!("{}Authorization: Bearer {token}\r\nContent-Length: 2\r\n\r\n{{}}", stage.line());
    let said = stage.hears(asked.into_bytes()).await;
    assert_eq!(said.short(), "401, after");
    assert!(said.answers[0].body.contains("unknown_key"), "{}", said.answers[0].body);
}

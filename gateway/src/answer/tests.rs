use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery_registry::UpstreamLimits;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, Version};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tokio::sync::mpsc;

use super::*;
use crate::fixtures::{bank, scopes};
use crate::leaving::Leaving;
use crate::upstream::Crowd;

pub(super) type Told = Arc<Mutex<Vec<Outcome>>>;

pub(super) fn head(status: u16, kind: &'static str) -> Parts {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.into_parts().0
}

fn json(status: u16) -> Parts {
    head(status, "application/json")
}

pub(super) fn closing(told: &Told) -> impl FnOnce(Outcome) + Unpin + use<> {
    let told = told.clone();
    move |outcome| told.lock().expect("no panic").push(outcome)
}

pub(super) fn around<W: Fn() -> Standing>(standing: W, waits: Waits, limits: &UpstreamLimits) -> Around<W> {
    let room = Arc::new(Crowd::default()).enter(("alice", 1), ("desk", 1)).expect("room");
    Around {
        watch: Watch::new(standing, limits, Leaving::default()),
        waits,
        room: Some(room),
        longest_piece: longest_piece(Version::HTTP_2),
    }
}

fn goes_on() -> Around<impl Fn() -> Standing> {
    around(|| Standing::Good, Waits::ForTheEnd, &UpstreamLimits::default())
}

pub(super) fn request() -> Waits {
    Waits::For(RawValue::from_string("7".to_owned()).expect("an id"))
}

#[tokio::test]
async fn what_broke_off_between_two_events_is_brought_to_a_proper_end() {
    for (said, rest) in [
        ("data: {\"method\":\"notifications/progress\"}\n\n", Some("\"reason\":\"upstream_broke_off\"")),
        (": waiting\r\n\r\n", Some("\"id\":7")),
        ("data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n\n", Some("")), // it was answered already
        ("id: 1\ndata:\n\n", None),                                           // it can be taken up again
        ("data: {\"method\":", None),                                         // half an event would be taken for a whole one
    ] {
        let (told, (sender, body)) = (Told::default(), stream());
        let around = around(|| Standing::Good, request(), &UpstreamLimits::default());
        let mut answer = Answer::new(&head(200, "text/event-stream"), body, closing(&told), around);
        sender.send(data(said)).await.expect("somebody listens");
        answer.frame().await.expect("a frame").expect("no error");
        sender.send(Err("gone".into())).await.expect("somebody listens");
        let last = answer.frame().await;
        assert_eq!(outcomes(&told), [Outcome::UpstreamFailed], "{said}");
        match (rest, last) {
            (Some(""), None) | (None, Some(Err(_))) => {}
            (Some(rest), Some(Ok(frame))) => {
                let text = String::from_utf8_lossy(frame.data_ref().expect("data")).into_owned();
                assert!(text.starts_with("event: message\ndata: {") && text.ends_with("\n\n") && text.contains(rest), "{text}");
                assert!(answer.frame().await.is_none() && answer.is_end_stream());
            }
            (_, other) => panic!("{said}: {}", other.map_or("the end".to_owned(), |frame| format!("{:?}", frame.map(|_| "a frame")))),
        }
    }
}

/// What somebody hears who waits for the answers to 7 and "b", and has heard `said` when the upstream breaks off: `None` if it is torn.
async fn of_a_batch(kind: &'static str, said: Option<&'static str>) -> Option<String> {
    let (told, (sender, body)) = (Told::default(), stream());
    let ids = ["7", "\"b\""].map(|id| RawValue::from_string(id.to_owned()).expect("an id"));
    let around = around(|| Standing::Good, Waits::ForAll(ids.into()), &UpstreamLimits::default());
    let mut answer = Answer::new(&head(200, kind), body, closing(&told), around);
    if let Some(said) = said {
        sender.send(data(said)).await.expect("somebody listens");
        answer.frame().await.expect("a frame").expect("no error");
    }
    sender.send(Err("gone".into())).await.expect("somebody listens");
    let last = answer.collect().await.ok()?.to_bytes();
    assert_eq!(outcomes(&told), [Outcome::UpstreamFailed], "{said:?}");
    Some(String::from_utf8_lossy(&last).into_owned())
}

#[tokio::test]
async fn a_batch_that_broke_off_is_answered_whole_or_is_seen_to_be_torn() {
    const EVENTS: &str = "text/event-stream";
    const JSON: &str = "application/json";
    for (kind, said) in [
        (EVENTS, "data: {\"id\":7,\"result\":{}}\n\n"),
        (EVENTS, "data: [{\"id\":7,\"result\":{}},{\"method\":\"x\"}]\n\n"),
        (EVENTS, "id: 1\ndata: {\"method\":\"x\"}\n\n"), // it can be taken up again
        (EVENTS, "data: {"),
        (JSON, "["),
        (JSON, "[{\"id\":7,\"result\":{}},"),
    ] {
        assert_eq!(of_a_batch(kind, Some(said)).await, None, "{kind} {said}");
    }
    for said in [
        "data: {\"id\":7,\"result\":{}}\n\ndata: {\"id\":\"b\",\"error\":{}}\n\n",
        "data: [{\"id\":7,\"result\":{}},{\"id\":\"b\",\"error\":{}}]\n\n",
    ] {
        assert_eq!(of_a_batch(EVENTS, Some(said)).await.as_deref(), Some(""), "{said}");
    }
    for said in [None, Some("data: {\"method\":\"x\",\"id\":7}\n\n")] {
        let events = of_a_batch(EVENTS, said).await.expect("a proper end");
        let [one, other, ""] = events.split("\n\n").collect::<Vec<_>>()[..] else { panic!("{events}") };
        for (event, id) in [(one, "\"id\":7,"), (other, "\"id\":\"b\",")] {
            assert!(event.starts_with("event: message\ndata: {") && event.contains(id) && event.contains("upstream_broke_off"), "{events}");
        }
    }
    let batch: serde_json::Value = serde_json::from_str(&of_a_batch(JSON, None).await.expect("a proper end")).expect("JSON");
    assert_eq!((&batch[0]["id"], &batch[1]["id"], &batch[2]), (&7.into(), &"b".into(), &serde_json::Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_silent_or_lasts_for_too_long_ends() {
    let second = std::time::Duration::from_secs(1);
    for (limits, says) in [
        (UpstreamLimits { idle: 3600 * second, ..UpstreamLimits::default() }, "stream_silent"),
        (UpstreamLimits { idle: 100_000 * second, absolute: 7200 * second, ..UpstreamLimits::default() }, "stream_long"),
    ] {
        let (told, (sender, body)) = (Told::default(), stream());
        let mut answer = Answer::new(&head(200, "text/event-stream"), body, closing(&told), around(|| Standing::Good, request(), &limits));
        let begun = tokio::time::Instant::now();
        // An hour of progress harms nobody.
        for _ in 0..60 {
            tokio::time::sleep(60 * second).await;
            sender.send(data(": still here\n\n")).await.expect("somebody listens");
            answer.frame().await.expect("a frame").expect("no error");
        }
        let frame = answer.frame().await.expect("a frame").expect("a proper end");
        assert!(String::from_utf8_lossy(frame.data_ref().expect("data")).contains(says));
        assert!(begun.elapsed() >= 7200 * second && begun.elapsed() < 7202 * second, "{:?}", begun.elapsed());
        assert_eq!(outcomes(&told), [Outcome::TimedOut]);
    }
}

pub(super) fn outcomes(told: &Told) -> Vec<Outcome> {
    told.lock().expect("no panic").clone()
}

pub(super) type Frames = mpsc::Sender<Result<Frame<Bytes>, BoxError>>;

/// A stream whose frames the test sends.
pub(super) fn stream() -> (Frames, impl Body<Data = Bytes, Error = BoxError> + Unpin) {
    let (sender, mut receiver) = mpsc::channel(1);
    (sender, StreamBody::new(futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx))))
}

pub(super) fn data(text: &'static str) -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

#[tokio::test]
async fn a_whole_answer_is_closed_as_what_it_was() {
    for (status, text, outcome) in [
        (200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Outcome::Answered),
        (200, r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#, Outcome::AnsweredError),
        (404, "{}", Outcome::AnsweredError),
        (500, "{}", Outcome::AnsweredError),
    ] {
        let told = Told::default();
        let answer = Answer::new(&json(status), Full::new(Bytes::from_static(text.as_bytes())), closing(&told), goes_on());
        assert_eq!(answer.size_hint().exact(), Some(text.len() as u64));
        assert_eq!(answer.collect().await.expect("a body").to_bytes(), text);
        assert_eq!(outcomes(&told), [outcome], "{text}");
    }
}

#[test]
fn an_answer_without_a_body_is_whole_though_nobody_reads_it() {
    let told = Told::default();
    drop(Answer::new(&json(202), Empty::<Bytes>::new(), closing(&told), goes_on()));
    assert_eq!(outcomes(&told), [Outcome::Answered]);
}

#[tokio::test]
async fn a_stream_passes_frame_by_frame_and_is_closed_at_its_end() {
    let (told, (sender, body)) = (Told::default(), stream());
    let mut answer = Answer::new(&head(200, "text/event-stream"), body, closing(&told), goes_on());
    for text in ["data: {\"method\":\"notifications/progress\"}\n\n", "data: {\"id\":1,", "\"error\":{}}\n\n"] {
        sender.send(data(text)).await.expect("somebody listens");
        let frame = answer.frame().await.expect("a frame").expect("no error");
        assert_eq!(frame.into_data().expect("data"), text);
        assert!(outcomes(&told).is_empty());
    }
    drop(sender);
    assert!(answer.frame().await.is_none());
    assert_eq!(outcomes(&told), [Outcome::AnsweredError]);
}

#[tokio::test]
async fn when_the_client_goes_the_upstream_is_let_go_too() {
    let (told, (sender, body)) = (Told::default(), stream());
    let mut answer = Answer::new(&json(200), body, closing(&told), goes_on());
    sender.send(data("{")).await.expect("somebody listens");
    answer.frame().await.expect("a frame").expect("no error");
    drop(answer);
    assert_eq!(outcomes(&told), [Outcome::ClientGone]);
    assert!(sender.is_closed());
}

#[tokio::test]
async fn when_the_upstream_breaks_off_the_client_sees_it() {
    let (told, (sender, body)) = (Told::default(), stream());
    let mut answer = Answer::new(&json(200), body, closing(&told), goes_on());
    sender.send(Err("broken".into())).await.expect("somebody listens");
    assert!(answer.frame().await.expect("an end").is_err());
    assert_eq!(outcomes(&told), [Outcome::UpstreamFailed]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_cut_within_a_second_of_its_grants_end() {
    let (told, (sender, body)) = (Told::default(), stream());
    let ended = Arc::new(AtomicBool::new(false));
    let seen = ended.clone();
    let mut answer = Answer::new(
        &head(200, "text/event-stream"),
        body,
        closing(&told),
        around(
            move || if seen.load(Ordering::SeqCst) { Standing::Ended } else { Standing::Good },
            Waits::ForTheEnd,
            &UpstreamLimits::default(),
        ),
    );
    sender.send(data(": hello\n\n")).await.expect("somebody listens");
    answer.frame().await.expect("a frame").expect("no error");
    // It falls silent, and only then is the end heard of.
    assert!(poll_once(&mut answer).await.is_pending());
    ended.store(true, Ordering::SeqCst);

    let cut = tokio::time::timeout(Duration::from_secs(1), answer.frame()).await.expect("cut in time");
    assert!(cut.expect("an end").is_err());
    assert_eq!(outcomes(&told), [Outcome::Cut]);
}

#[tokio::test]
async fn what_was_ended_between_two_events_is_brought_to_a_proper_end() {
    for (waits, rest) in [(request(), Some("authorize again")), (Waits::ForNothing, None)] {
        let (told, (sender, body)) = (Told::default(), stream());
        let ended = Arc::new(AtomicBool::new(false));
        let seen = ended.clone();
        let standing = move || if seen.load(Ordering::SeqCst) { Standing::Ended } else { Standing::Good };
        let around = around(standing, waits, &UpstreamLimits::default());
        let mut answer = Answer::new(&head(200, "text/event-stream"), body, closing(&told), around);
        sender.send(data(": hello\n\n")).await.expect("somebody listens");
        answer.frame().await.expect("a frame").expect("no error");

        ended.store(true, Ordering::SeqCst);
        sender.send(data("data: {\"id\":7,\"result\":{}}\n\n")).await.expect("somebody listens");

        let last = answer.frame().await.map(|frame| frame.expect("a proper end").into_data().expect("data"));
        assert_eq!(last.is_some(), rest.is_some());
        assert!(last.is_none_or(|said| String::from_utf8_lossy(&said).contains("authorize again")), "nothing of the upstream's");
        assert!(answer.is_end_stream());
        assert_eq!(outcomes(&told), [Outcome::Cut]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_outlasts_a_drain_is_brought_to_an_end_when_the_node_stops() {
    for (kind, said, rest) in [
        ("text/event-stream", ": hello\n\n", Some("event: message\ndata: {")),
        ("text/event-stream", "data: {", None),
        ("application/json", "", Some("{")),
        ("application/json", "{", None),
    ] {
        let (told, (sender, body), leaving) = (Told::default(), stream(), Leaving::default());
        let room = Arc::new(Crowd::default()).enter(("alice", 1), ("desk", 1)).expect("room");
        let watch = Watch::new(|| Standing::Good, &UpstreamLimits::default(), leaving.clone());
        let around = Around { watch, waits: request(), room: Some(room), longest_piece: longest_piece(Version::HTTP_2) };
        let mut answer = Answer::new(&head(200, kind), body, closing(&told), around);
        sender.send(data(said)).await.expect("somebody listens");
        answer.frame().await.expect("a frame").expect("no error");

        leaving.begin();
        assert!(poll_once(&mut answer).await.is_pending(), "it may come to its end");
        let finished = tokio::time::Instant::now();
        let (last, ()) = tokio::join!(answer.frame(), async { leaving.finish() });
        assert!(finished.elapsed() < Duration::from_millis(10), "who waits is told when it next looks, and not at once");

        match (rest, last.expect("an end")) {
            (Some(rest), Ok(frame)) => {
                let text = String::from_utf8_lossy(frame.data_ref().expect("data")).into_owned();
                assert!(text.starts_with(rest) && text.contains("\"id\":7") && text.contains("\"reason\":\"node_stopped\""), "{text}");
                assert!(answer.is_end_stream());
            }
            (None, Err(_)) => {}
            (_, other) => panic!("{kind} {said}: {:?}", other.map(|_| "a frame")),
        }
        assert_eq!(outcomes(&told), [Outcome::Stopped]);
    }
}

/// A stream of which `known` says whether it is known how it stands.
fn watched(told: &Told, known: &Arc<AtomicBool>) -> (Frames, impl Body<Data = Bytes, Error = BoxError> + Unpin + use<>) {
    let ((sender, body), seen) = (stream(), known.clone());
    let standing = move || if seen.load(Ordering::SeqCst) { Standing::Good } else { Standing::Unknown };
    let around = around(standing, request(), &UpstreamLimits::default());
    (sender, Answer::new(&head(200, "text/event-stream"), body, closing(told), around))
}

#[tokio::test(start_paused = true)]
async fn rv_05_nothing_passes_while_nobody_knows_and_nothing_is_lost_when_there_is_news() {
    let (told, known) = (Told::default(), Arc::new(AtomicBool::new(false)));
    let (sender, mut answer) = watched(&told, &known);
    sender.send(data(": hello\n\n")).await.expect("somebody listens");

    let waited = tokio::time::timeout(Duration::from_secs(50), answer.frame()).await;
    assert!(waited.is_err(), "nothing passes");
    known.store(true, Ordering::SeqCst);
    let frame = answer.frame().await.expect("a frame").expect("no error");

    assert_eq!(frame.into_data().expect("data"), ": hello\n\n");
    assert!(outcomes(&told).is_empty());
}

#[tokio::test(start_paused = true)]
async fn rv_05_a_stream_of_which_nobody_knows_for_a_minute_ends_and_shows_nothing() {
    let (told, known) = (Told::default(), Arc::new(AtomicBool::new(false)));
    let (sender, mut answer) = watched(&told, &known);
    sender.send(data(": hello\n\n")).await.expect("somebody listens");
    let begun = tokio::time::Instant::now();

    let last = answer.frame().await.expect("an end").expect("a proper one").into_data().expect("data");

    assert!(begun.elapsed() >= Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(String::from_utf8_lossy(&last).contains("\"reason\":\"feed_lost\""));
    assert!(answer.is_end_stream());
    assert_eq!(outcomes(&told), [Outcome::TimedOut]);
}

async fn poll_once<B: Body + Unpin>(body: &mut B) -> Poll<()> {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx).map(|_| ()))).await
}

#[test]
fn an_upstreams_401_is_never_ours() {
    let judged = |status: u16, challenge: &'static str| {
        let headers = [(http::header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))].into_iter().collect();
        passable(StatusCode::from_u16(status).expect("a status"), &headers, &bank(), &scopes("bank:read")).map_err(|refusal| refusal.reason)
    };
    for status in [401, 403, 407] {
        assert_eq!(judged(status, "Bearer"), Err("upstream_refused_us"), "{status}");
    }
    for status in [301, 302, 307, 308] {
        assert_eq!(judged(status, "Bearer"), Err("upstream_redirected"), "{status}");
    }
    for status in [200, 202, 400, 404, 405, 429, 500, 503] {
        assert_eq!(judged(status, "Bearer"), Ok(()), "{status}");
    }
    let wants = |scope| judged(403, scope);
    assert_eq!(wants(r#"Bearer error="insufficient_scope", scope="bank:move""#), Err("insufficient_scope"));
    // Signing in again would not help: the resource has no such scope, or the token has it already.
    assert_eq!(wants(r#"Bearer error="insufficient_scope", scope="repo""#), Err("upstream_refused_us"));
    assert_eq!(wants(r#"Bearer error="insufficient_scope", scope="bank:read""#), Err("upstream_refused_us"));
}

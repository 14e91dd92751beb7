use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chancery_registry::UpstreamLimits;
use chancery_tokens::Standing;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::time::{advance, timeout};

use super::*;
use crate::answer::attended::UNREAD;
use crate::answer::tests::{Told, around, closing, data, head, outcomes, request, stream};
use crate::answer::{Answer, Around, Attended};
use crate::fixtures::{not_shown, part};
use crate::listing::{Listed, Shown, Shows};
use crate::record::Outcome;
use crate::upstream::{Crowd, Place};

/// A second later, without asking for more.
async fn a_second_later() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
        advance(Duration::from_millis(250)).await;
    }
    tokio::task::yield_now().await;
}

/// The only place of Alice's.
fn place(crowd: &Arc<Crowd>) -> Option<Place> {
    crowd.enter(("alice", 1), ("desk", 1)).ok()
}

#[tokio::test(start_paused = true)]
async fn who_does_not_take_what_has_ended_keeps_no_place() {
    for breaks_off in [false, true] {
        let (told, (sender, body), crowd) = (Told::default(), stream(), Arc::new(Crowd::default()));
        let around = Around { room: place(&crowd), ..around(|| Standing::Good, request(), &UpstreamLimits::default()) };
        let mut answer = Attended::new(Answer::new(&head(200, "text/event-stream"), body, closing(&told), around));
        sender.send(data(": hello\n\n")).await.expect("somebody listens");
        answer.frame().await.expect("a frame").expect("no error");
        sender.send(data("data: {\"id\":7,\"result\":{}}\n\n")).await.expect("somebody listens");
        a_second_later().await;
        assert!(place(&crowd).is_none(), "more may come");

        if breaks_off {
            sender.send(Err("gone".into())).await.expect("somebody listens");
        }
        drop(sender);
        a_second_later().await;
        let mut another = place(&crowd).expect("its place is kept by a client that takes nothing");
        assert!(!another.set_aside(), "it is held, and counts");
        assert!(outcomes(&told).is_empty() && !answer.is_end_stream(), "nor is it over for whoever reads it");

        let rest = answer.collect().await.expect("a proper end").to_bytes();
        assert_eq!(rest, "data: {\"id\":7,\"result\":{}}\n\n");
        assert_eq!(outcomes(&told), [if breaks_off { Outcome::UpstreamFailed } else { Outcome::Answered }]);
        assert!(another.set_aside(), "it is taken");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_without_another_word_holds_nothing() {
    let (told, (sender, body), crowd) = (Told::default(), stream(), Arc::new(Crowd::default()));
    let around = Around { room: place(&crowd), ..around(|| Standing::Good, request(), &UpstreamLimits::default()) };
    let mut answer = Attended::new(Answer::new(&head(200, "text/event-stream"), body, closing(&told), around));
    sender.send(data("data: {\"id\":7,\"result\":{}}\n\n")).await.expect("somebody listens");
    answer.frame().await.expect("a frame").expect("no error");
    drop(sender);
    a_second_later().await;
    assert!(place(&crowd).expect("a place").set_aside());
    drop(answer);
    assert_eq!(outcomes(&told), [Outcome::Answered]);
}

/// Everything is seen by everybody.
struct All;

impl Shows for All {
    fn shows(&self, _: Listed, _: &str) -> bool {
        true
    }

    fn marks(&self) -> bool {
        false
    }
}

/// A list of 100 KB that begins on its way to Alice: a server holds one piece of it, whatever the client takes.
async fn a_long_list(crowd: &Arc<Crowd>, told: &Told) -> impl Body<Data = Bytes, Error = BoxError> + Unpin + use<> {
    let whole = format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"tools":[{{"name":"{}"}}]}}}}"#, "x".repeat(100_000));
    let around = Around { room: place(crowd), ..around(|| Standing::Good, request(), &UpstreamLimits::default()) };
    assert!(around.room.is_some());
    let head = head(200, "application/json");
    let shown = Shown::new(&head, Full::new(Bytes::from(whole)), (All, part()), not_shown());
    let mut answer = Attended::new(Answer::new(&head, shown, closing(told), around));
    let piece = answer.frame().await.expect("a frame").expect("no error").into_data().expect("data");
    assert_eq!(piece.len(), PIECE_OF_A_STREAM);
    answer
}

#[tokio::test(start_paused = true)]
async fn a_long_list_that_nobody_takes_is_counted_until_it_is_let_go_of() {
    let (told, crowd) = (Told::default(), Arc::new(Crowd::default()));
    let first = a_long_list(&crowd, &told).await;
    assert!(place(&crowd).is_none());
    a_second_later().await;
    let second = a_long_list(&crowd, &told).await;
    a_second_later().await;
    assert!(place(&crowd).is_none(), "as many as a client likes are held for it");

    let rest = first.collect().await.expect("a proper end").to_bytes();
    assert!(rest.len() > 100_000 - PIECE_OF_A_STREAM && rest.ends_with(b"\"}]}}"));
    assert_eq!(outcomes(&told), [Outcome::Answered]);
    a_second_later().await;
    assert!(place(&crowd).is_some(), "the second waits in place of the first");

    for _ in 0..UNREAD.as_secs() {
        a_second_later().await;
    }
    assert_eq!(outcomes(&told), [Outcome::Answered, Outcome::ClientGone]);
    assert!(place(&crowd).is_some_and(|mut place| place.set_aside()));
    drop(second);
}

#[tokio::test]
async fn no_piece_holds_what_it_was_a_part_of() {
    let whole = Bytes::from(vec![b'x'; 2 * PIECE_OF_A_STREAM + 1]);
    let mut ahead = Ahead::of(Full::new(whole.clone()), PIECE_OF_A_STREAM);
    let mut pieces = Vec::new();
    while let Some(piece) = ahead.frame().await {
        pieces.push(piece.expect("no error").into_data().expect("data"));
    }
    assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [PIECE_OF_A_STREAM, PIECE_OF_A_STREAM, 1]);
    assert!(whole.is_unique() && ahead.is_over() && ahead.bytes == 0);
}

#[tokio::test(start_paused = true)]
async fn rv_05_what_was_read_ahead_is_shown_to_nobody_whose_grant_was_ended() {
    let (told, (sender, body), ended) = (Told::default(), stream(), Arc::new(AtomicBool::new(false)));
    let seen = ended.clone();
    let standing = move || if seen.load(Ordering::SeqCst) { Standing::Ended } else { Standing::Good };
    let around = around(standing, request(), &UpstreamLimits::default());
    let mut answer = Attended::new(Answer::new(&head(200, "text/event-stream"), body, closing(&told), around));
    sender.send(data("data: {\"id\":7,\"result\":{}}\n\n")).await.expect("somebody listens");
    drop(sender);
    a_second_later().await;

    ended.store(true, Ordering::SeqCst);

    let last = answer.frame().await.expect("a frame").expect("a proper end").into_data().expect("data");
    assert!(String::from_utf8_lossy(&last).contains("authorize again"), "{last:?}");
    assert_eq!(outcomes(&told), [Outcome::Cut]);
}

#[tokio::test(start_paused = true)]
async fn rv_05_nothing_is_asked_of_the_upstream_while_nobody_knows() {
    let (told, (sender, body)) = (Told::default(), stream());
    let around = around(|| Standing::Unknown, request(), &UpstreamLimits::default());
    let _answer = Attended::new(Answer::new(&head(200, "text/event-stream"), body, closing(&told), around));
    sender.send(data(": hello\n\n")).await.expect("somebody listens");
    a_second_later().await;
    assert!(timeout(Duration::from_secs(5), sender.send(data(": on\n\n"))).await.is_err(), "it was read");
}

#[tokio::test]
async fn only_so_much_is_read() {
    const PIECE: usize = 1000;
    for length in [0, PIECE] {
        let mut made = 0_usize;
        let body = StreamBody::new(futures_util::stream::poll_fn(|_| {
            made += 1;
            Poll::Ready((made <= 5000).then(|| Ok::<_, chancery_outbound::BoxError>(Frame::data(vec![b'x'; length].into()))))
        }));
        let mut ahead = Ahead::of(body, PIECE_OF_A_STREAM);
        assert!(!ahead.read() && !ahead.read());
        assert!(ahead.bytes >= MOST && ahead.bytes < MOST + 2 * PIECE, "{}", ahead.bytes);
        assert_eq!(ahead.size_hint().lower(), (ahead.read.len() * length) as u64);
        let all = ahead.collect().await.expect("a body").to_bytes();
        assert_eq!(all.len(), 5000 * length);
    }
}

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chancery_registry::UpstreamLimits;
use chancery_tokens::Standing;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::{advance, timeout};

use super::*;
use crate::answer::tests::{Told, around, closing, data, head, outcomes, request, stream};
use crate::answer::{Answer, Around, Attended};
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
        assert!(place(&crowd).is_some(), "its place is kept by a client that takes nothing");
        assert!(outcomes(&told).is_empty() && !answer.is_end_stream(), "nor is it over for whoever reads it");

        let rest = answer.collect().await.expect("a proper end").to_bytes();
        assert_eq!(rest, "data: {\"id\":7,\"result\":{}}\n\n");
        assert_eq!(outcomes(&told), [if breaks_off { Outcome::UpstreamFailed } else { Outcome::Answered }]);
    }
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
        let mut ahead = Ahead::of(body);
        assert!(!ahead.read() && !ahead.read());
        assert!(ahead.bytes >= MOST && ahead.bytes < MOST + 2 * PIECE, "{}", ahead.bytes);
        assert_eq!(ahead.size_hint().lower(), (ahead.read.len() * length) as u64);
        let all = ahead.collect().await.expect("a body").to_bytes();
        assert_eq!(all.len(), 5000 * length);
    }
}

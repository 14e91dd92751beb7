use std::sync::atomic::{AtomicBool, Ordering};

use chancery_registry::UpstreamLimits;
use http_body_util::BodyExt;
use tokio::time::advance;

use super::*;
use crate::answer::tests::{Frames, Told, around, closing, data, head, outcomes, request, stream};
use crate::answer::{Around, Waits};
use crate::leaving::Leaving;
use crate::watch::Watch;

/// An answer that ends when the test says so.
fn answer(told: &Told, ended: &Arc<AtomicBool>, waits: Waits) -> (Frames, impl Body<Data = Bytes, Error = BoxError> + Unpin + use<>) {
    let ((sender, body), seen) = (stream(), ended.clone());
    let standing = move || if seen.load(Ordering::SeqCst) { Standing::Ended } else { Standing::Good };
    let around = around(standing, waits, &UpstreamLimits::default());
    (sender, Attended::new(Answer::new(&head(200, "text/event-stream"), body, closing(told), around)))
}

/// Waits without asking for more.
async fn later(by: Duration) {
    tokio::task::yield_now().await;
    for _ in 0..by.as_secs() {
        advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn rv_05_what_nobody_takes_ends_as_soon_and_for_good() {
    for (waits, words) in [(request(), Some("authorize again")), (Waits::ForNothing, None)] {
        let (told, ended) = (Told::default(), Arc::new(AtomicBool::new(false)));
        let (sender, mut answer) = answer(&told, &ended, waits);
        sender.send(data(": hello\n\n")).await.expect("somebody listens");
        answer.frame().await.expect("a frame").expect("no error");
        sender.send(data("data: {\"id\":7,\"result\":{}}\n\n")).await.expect("somebody listens");

        ended.store(true, Ordering::SeqCst);
        later(Duration::from_secs(1)).await;
        assert_eq!(outcomes(&told), [Outcome::Cut], "nobody asked for more");
        assert!(sender.is_closed(), "the upstream is let go of, and what it said");
        ended.store(false, Ordering::SeqCst); // whatever is known of the end later

        let last = answer.frame().await.map(|frame| frame.expect("a proper end").into_data().expect("data"));
        assert_eq!(last.is_some(), words.is_some());
        assert!(last.is_none_or(|said| words.is_some_and(|words| String::from_utf8_lossy(&said).contains(words))));
        assert!(answer.is_end_stream() && answer.frame().await.is_none());
        assert_eq!(outcomes(&told), [Outcome::Cut]);
    }
}

#[tokio::test(start_paused = true)]
async fn rv_05_so_does_what_nobody_ever_asked_for() {
    let (told, ended) = (Told::default(), Arc::new(AtomicBool::new(true)));
    let (sender, answer) = answer(&told, &ended, request());
    later(Duration::from_secs(1)).await;
    assert_eq!((outcomes(&told), sender.is_closed(), answer.is_end_stream()), (vec![Outcome::Cut], true, false));
}

/// Asks once for more, of which there is none.
async fn asks_once(answer: &mut (impl Body<Data = Bytes, Error = BoxError> + Unpin)) {
    assert!(tokio::time::timeout(Duration::ZERO, answer.frame()).await.is_err(), "there is more");
}

#[tokio::test(start_paused = true)]
async fn rv_05_so_does_what_was_waited_for_once() {
    let (told, ended) = (Told::default(), Arc::new(AtomicBool::new(false)));
    let (sender, mut answer) = answer(&told, &ended, request());
    asks_once(&mut answer).await;
    later(Duration::from_secs(5)).await;
    assert!(outcomes(&told).is_empty());
    ended.store(true, Ordering::SeqCst);
    later(Duration::from_secs(1)).await;
    assert_eq!((outcomes(&told), sender.is_closed()), (vec![Outcome::Cut], true));
}

#[tokio::test(start_paused = true)]
async fn nor_is_it_waited_for_for_ever() {
    let (told, ended) = (Told::default(), Arc::new(AtomicBool::new(false)));
    let (sender, mut answer) = answer(&told, &ended, request());
    asks_once(&mut answer).await;
    later(UNREAD - 2 * PAUSE).await;
    assert!(outcomes(&told).is_empty() && !sender.is_closed());
    later(4 * PAUSE).await;
    assert_eq!((outcomes(&told), sender.is_closed()), (vec![Outcome::ClientGone], true));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_reads_for_minutes_is_let_go_of() {
    let (told, ended) = (Told::default(), Arc::new(AtomicBool::new(false)));
    let (sender, mut answer) = answer(&told, &ended, request());
    sender.send(data(": hello\n\n")).await.expect("somebody listens");
    answer.frame().await.expect("a frame").expect("no error");
    later(UNREAD - 2 * PAUSE).await;
    assert!(outcomes(&told).is_empty() && !sender.is_closed());
    later(4 * PAUSE).await;
    assert_eq!((outcomes(&told), sender.is_closed()), (vec![Outcome::ClientGone], true));
    assert!(answer.frame().await.expect("an end").is_err(), "and it is seen to be torn");
}

/// What is still open a second later is cut, and nobody could say when it was written down.
#[tokio::test(start_paused = true)]
async fn what_nobody_takes_is_let_go_of_before_the_node_stops() {
    let (told, (sender, body), leaving) = (Told::default(), stream(), Leaving::default());
    let (good, limits) = (|| Standing::Good, UpstreamLimits::default());
    let around = Around { watch: Watch::new(good, &limits, leaving.clone()), ..around(good, request(), &limits) };
    let mut answer = Attended::new(Answer::new(&head(200, "text/event-stream"), body, closing(&told), around));
    for _ in 0..2 {
        sender.send(data(": hello\n\n")).await.expect("somebody listens");
        answer.frame().await.expect("a frame").expect("no error");
        leaving.begin();
        later(Duration::from_secs(2)).await;
        assert!(outcomes(&told).is_empty(), "a drain gives it time");
    }
    sender.send(data(": hello\n\n")).await.expect("somebody listens");
    answer.frame().await.expect("a frame").expect("no error");

    leaving.finish();
    advance(PAUSE - Duration::from_millis(1)).await;
    tokio::task::yield_now().await;
    assert!(outcomes(&told).is_empty(), "it is being taken");
    later(Duration::from_secs(1)).await;
    assert_eq!((outcomes(&told), sender.is_closed()), (vec![Outcome::Stopped], true));
    let last = answer.frame().await.expect("last words").expect("a proper end").into_data().expect("data");
    assert!(String::from_utf8_lossy(&last).contains("\"reason\":\"node_stopped\""));
}

#[tokio::test(start_paused = true)]
async fn what_is_waited_for_is_not_unread() {
    let (told, ended) = (Told::default(), Arc::new(AtomicBool::new(false)));
    let (sender, mut answer) = answer(&told, &ended, request());
    let waited = tokio::time::timeout(2 * UNREAD, answer.frame()).await;
    assert!(waited.is_err() && outcomes(&told).is_empty() && !sender.is_closed());
}

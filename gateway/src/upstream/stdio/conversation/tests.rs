use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chancery_core::{Clock, Timestamp};
use futures_util::FutureExt as _;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Receiver;
use tokio::time::advance;
use tokio_util::sync::CancellationToken;

use super::{Conversation, WAITING};
use crate::fixtures::NOW;
use crate::refusal::Refusal;
use crate::upstream::breaker::{Attempt, Breaker};
use crate::upstream::stdio::Owner;
use crate::upstream::stdio::answer::{Line, Said};
use crate::upstream::stdio::id::{Id, Value};

const PATIENCE: Duration = Duration::from_secs(10);
/// More than any breaker takes.
const MANY: u32 = 20;

/// Time stands still here.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// A conversation whose child is this test: it hears what it is told.
fn started(breaker: &Arc<Breaker>, is_session: bool) -> (Arc<Conversation>, Receiver<Bytes>) {
    begun(breaker.admit(NOW).expect("leave to try"), is_session)
}

fn begun(attempt: Attempt, is_session: bool) -> (Arc<Conversation>, Receiver<Bytes>) {
    let owner = Owner { subject: "alice".to_owned(), client: "desk".to_owned() };
    Conversation::new(("session".to_owned(), owner, is_session), (PATIENCE, CancellationToken::new()), Arc::new(Still), attempt)
}

async fn ask(conversation: &Arc<Conversation>, id: &str, progress: Option<&str>) -> Result<Said, Refusal> {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).expect("JSON");
    let progress = progress.map(|token| Value::of(&raw(token)));
    conversation.ask((&Id::of(&raw(id)), progress), Bytes::from_static(b"{}"), true).await
}

async fn says(conversation: &Conversation, line: &str) {
    conversation.heard(Bytes::copy_from_slice(line.as_bytes())).await;
}

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7}}"#;

fn is_left_alone(breaker: &Arc<Breaker>) -> bool {
    breaker.rest(NOW).is_some()
}

#[tokio::test]
async fn a_child_that_could_not_be_asked_is_ended_and_tells_nothing() {
    let breaker = Arc::<Breaker>::default();
    while let Some(attempt) = breaker.admit(NOW) {
        attempt.failed(NOW);
    }
    let later = NOW + Duration::from_mins(1);
    let (child, _told) = begun(breaker.admit(later).expect("a trial"), true);
    assert!(breaker.admit(later).is_none(), "one at a time");

    let refusal = ask(&child, &"9".repeat(2000), None).await.err().expect("a refusal");

    assert_eq!((refusal.reason, child.is_over()), ("invalid_request", true));
    assert!(breaker.admit(later).is_some(), "it holds the trial that it is none of");
}

#[tokio::test]
async fn a_child_whose_answer_is_not_taken_is_not_free() {
    for goes in [false, true] {
        let (child, _told) = started(&Arc::default(), false);
        let mut said = ask(&child, "1", Some("7")).await.expect("it is asked");
        for _ in 0..WAITING {
            says(&child, PROGRESS).await;
        }
        let mut delivery = pin!(says(&child, ANSWER));
        assert!(delivery.as_mut().now_or_never().is_none(), "there is room");
        assert!(!child.take(), "another's request would wait behind it");
        assert!(child.idle_since().is_none() && !child.end_if_idle(NOW) && !child.is_over(), "the answer would be lost");

        let mut answers = 0;
        if goes {
            drop(said);
            delivery.await;
        } else {
            assert!(matches!(said.lines.recv().await, Some(Line::More(_))));
            delivery.await;
            while let Ok(line) = said.lines.try_recv() {
                answers += usize::from(matches!(line, Line::Last(_)));
            }
            drop(said);
        }

        assert_eq!(answers, usize::from(!goes));
        assert!(!child.is_over() && child.idle_since().is_some() && child.take(), "it does nothing any more");
    }
}

#[tokio::test]
async fn who_has_the_answer_finds_the_child_free() {
    let (child, _told) = started(&Arc::default(), false);
    let _said = ask(&child, "1", None).await.expect("it is asked");
    says(&child, ANSWER).now_or_never().expect("nothing is waited for");
    assert!(child.take());
}

#[tokio::test]
async fn a_child_is_ended_for_doing_nothing_or_asked_and_never_both() {
    let idle = async || {
        let (child, told) = started(&Arc::default(), true);
        let said = ask(&child, "1", None).await.expect("it is asked");
        says(&child, ANSWER).now_or_never().expect("nothing is waited for");
        drop(said);
        assert_eq!(child.idle_since(), Some(NOW));
        (child, told)
    };

    // Ended: whoever comes after that is told that the session is no more, and nothing is on its way.
    let (child, mut told) = idle().await;
    told.recv().await.expect("what it was asked first");
    assert!(!child.end_if_idle(NOW - Duration::from_millis(1)), "it did something since");
    assert!(child.end_if_idle(NOW) && child.is_over() && !child.take());
    let reasons = [ask(&child, "2", None).await.err(), child.say(Bytes::from_static(b"{}")).await.err(), child.listen().err()];
    assert_eq!(reasons.map(|refusal| refusal.expect("a refusal").reason), ["unknown_session"; 3]);
    assert!(told.try_recv().is_err());

    // Asked, set aside, or listened to: it stays.
    for busy in 0..3 {
        let (child, _told) = idle().await;
        let held = match busy {
            0 => Some(ask(&child, "2", None).await.expect("it is asked")),
            1 => Some(child.listen().expect("a stream")),
            _ => None,
        };
        assert!(held.is_some() || child.take());
        assert!(!child.end_if_idle(NOW) && !child.is_over());
    }
}

/// Its clients' own limit may be the same, or be reached first where this task comes late.
#[tokio::test(start_paused = true)]
async fn a_mute_command_counts_whoever_ends_the_wait_for_it() {
    for (waited, counts) in [(PATIENCE, true), (PATIENCE - Duration::from_millis(1), false)] {
        let breaker = Arc::default();
        for _ in 0..MANY {
            if is_left_alone(&breaker) {
                break;
            }
            let (child, _told) = started(&breaker, true);
            let said = ask(&child, "1", None).await.expect("it is asked");
            advance(waited).await;
            drop(said);
            assert!(child.is_over());
        }
        assert_eq!(is_left_alone(&breaker), counts, "after {waited:?}");
    }
}

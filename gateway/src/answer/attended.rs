//! An answer that is looked after while nobody asks for more of it. A server asks the body only once what came before has gone out: a
//! client of HTTP/2 that closes its window keeps it from ever asking, and the answer from hearing that what it stands for was ended.
//!
//! So somebody looks from time to time. What may not go on is let go of at once, with its upstream and all that it holds, and written down;
//! whoever asks for more afterwards has the last words.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use chancery_outbound::BoxError;
use chancery_tokens::Standing;
use http_body::{Body, Frame, SizeHint};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::Answer;
use crate::record::Outcome;
use crate::watch::PAUSE;

/// An answer that nobody asks more of for so long is read by nobody.
pub const UNREAD: Duration = Duration::from_secs(4 * 60);

/// Who waits asks anew at each look of the answer's own. Who was woken and did not ask waits for more no longer: a client of HTTP/2 may close
/// its window meanwhile.
const GIVEN_UP: Duration = PAUSE.saturating_mul(2);

/// The answer, and who looks after it.
pub struct Attended<B: Body, C: FnOnce(Outcome), W: Fn() -> Standing> {
    held: Arc<Mutex<Held<B, C, W>>>,
    looking: Option<AbortHandle>,
}

struct Held<B: Body, C: FnOnce(Outcome), W: Fn() -> Standing> {
    /// Until it may not go on,
    answer: Option<Answer<B, C, W>>,
    /// and then what is still to be said.
    last: Option<Result<Frame<Bytes>, BoxError>>,
    /// When more was last asked for,
    asked: Instant,
    /// and whether there was none. Who waits has the answer look after itself.
    waits: bool,
}

impl<B, C, W> Attended<B, C, W>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static,
    C: FnOnce(Outcome) + Unpin + Send + 'static,
    W: Fn() -> Standing + Unpin + Send + 'static,
{
    pub fn new(answer: Answer<B, C, W>) -> Self {
        let ended = answer.is_end_stream();
        let held = Arc::new(Mutex::new(Held { answer: Some(answer), last: None, asked: Instant::now(), waits: false }));
        let looking = (!ended).then(|| tokio::spawn(look_after(Arc::downgrade(&held))).abort_handle());
        Self { held, looking }
    }
}

/// Until it is over.
async fn look_after<B, C, W>(held: Weak<Mutex<Held<B, C, W>>>)
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    C: FnOnce(Outcome) + Unpin,
    W: Fn() -> Standing + Unpin,
{
    loop {
        sleep(PAUSE).await;
        let Some(held) = held.upgrade() else { return };
        if lock(&held).look() {
            return;
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B, C, W> Held<B, C, W>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    C: FnOnce(Outcome) + Unpin,
    W: Fn() -> Standing + Unpin,
{
    /// Whether there is nothing to look after any more.
    fn look(&mut self) -> bool {
        let Some(answer) = self.answer.as_mut().filter(|answer| !answer.is_end_stream()) else { return true };
        let unasked = self.asked.elapsed();
        if self.waits && unasked < GIVEN_UP {
            return false;
        }
        let Poll::Ready(last) = answer.looked_at(unasked) else { return false }; // RV-05
        (self.answer, self.last) = (None, last);
        true
    }
}

impl<B, C, W> Body for Attended<B, C, W>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    C: FnOnce(Outcome) + Unpin,
    W: Fn() -> Standing + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let held = &mut *lock(&self.held);
        let Some(answer) = &mut held.answer else { return Poll::Ready(held.last.take()) };
        let polled = Pin::new(answer).poll_frame(cx);
        (held.asked, held.waits) = (Instant::now(), polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        let held = lock(&self.held);
        held.answer.as_ref().map_or(held.last.is_none(), Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.held).answer.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl<B: Body, C: FnOnce(Outcome), W: Fn() -> Standing> Drop for Attended<B, C, W> {
    fn drop(&mut self) {
        if let Some(looking) = &self.looking {
            looking.abort();
        }
        drop(lock(&self.held).answer.take()); // now, though somebody may be looking
    }
}

#[cfg(test)]
mod tests;

//! The upstream's answer on its way to the client: streamed as it comes, never gathered, closed in the log when it has ended, cut when
//! what it stands for is ended.
//!
//! Who does not take it asks for no more of it; it is [looked after](attended) all the same, and read a little [ahead]: what has ended and
//! waits for its client alone is set aside among the answers under way.
//!
//! Some answers are not for the client: those that are about our credential, and redirects. They become errors of ours.

mod ahead;
mod attended;

use std::pin::Pin;
use std::slice;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use chancery_core::ScopeSet;
use chancery_outbound::BoxError;
use chancery_registry::Resource;
use chancery_tokens::Standing;
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use serde_json::value::RawValue;

use ahead::Ahead;
pub use ahead::longest_piece;
pub use attended::Attended;

use crate::challenge;
use crate::record::Outcome;
use crate::refusal::Refusal;
use crate::upstream::Place;
use crate::verdict::Verdict;
use crate::watch::{Halt, PAUSE, Watch};
use crate::wire;

/// Whether the answer may go to a client with this scope.
pub fn passable(status: StatusCode, headers: &HeaderMap, resource: &Resource, granted: &ScopeSet) -> Result<(), Refusal> {
    match status.as_u16() {
        401 | 407 => Err(Refusal::upstream_refused_us()), // never a 401 of ours: another token of the client's would not help
        403 => Err(step_up(headers, resource, granted).unwrap_or_else(Refusal::upstream_refused_us)),
        100..=199 | 300..=399 => Err(Refusal::upstream_redirected()),
        _ => Ok(()),
    }
}

/// A lack of scope that the client can cure: the upstream wants scopes that this resource has and the token lacks (MC-01).
fn step_up(headers: &HeaderMap, resource: &Resource, granted: &ScopeSet) -> Option<Refusal> {
    let wanted = challenge::scope_wanted(headers)?;
    let curable = !wanted.is_subset(granted) && wanted.iter().all(|scope| resource.scopes.contains_key(scope));
    curable.then(|| Refusal::insufficient_scope(&wanted, granted))
}

/// What the client waits for.
pub enum Waits {
    /// The answer to this request.
    For(Box<RawValue>),
    /// The answers to these, which came as a batch.
    ForAll(Vec<Box<RawValue>>),
    /// The end of something.
    ForTheEnd,
    /// Whatever comes.
    ForNothing,
}

impl Waits {
    fn ids(&self) -> &[Box<RawValue>] {
        match self {
            Self::For(id) => slice::from_ref(id),
            Self::ForAll(ids) => ids,
            Self::ForTheEnd | Self::ForNothing => &[],
        }
    }
}

/// What goes along with an answer.
pub struct Around<W> {
    /// `W` says how what it stands for stands.
    pub watch: Watch<W>,
    pub waits: Waits,
    /// Set aside when the upstream's part has ended, and given back when the client's has.
    pub room: Option<Place>,
    /// What is given to the client's connection at a time.
    pub longest_piece: usize,
}

/// The body on its way. `C` is told once how it ended.
pub struct Answer<B: Body, C: FnOnce(Outcome), W: Fn() -> Standing> {
    body: Ahead<B>,
    failed: bool,
    verdict: Option<Verdict>,
    /// Taken when told.
    closing: Option<C>,
    around: Around<W>,
    over: bool,
}

impl<B: Body, C: FnOnce(Outcome), W: Fn() -> Standing> Answer<B, C, W> {
    /// `head` is the upstream's.
    pub fn new(head: &Parts, body: B, closing: C, around: Around<W>) -> Self {
        let failed = head.status.is_client_error() || head.status.is_server_error();
        Self {
            body: Ahead::of(body, around.longest_piece),
            failed,
            verdict: Verdict::of(&head.headers),
            closing: Some(closing),
            around,
            over: false,
        }
    }

    fn close(&mut self, outcome: Outcome) {
        self.around.room = None;
        if let Some(closing) = self.closing.take() {
            closing(outcome);
        }
    }

    /// The upstream has done its part. What is left of it is held, and counts.
    fn untaken(&mut self) {
        if self.body.is_over() {
            self.around.room = None;
        } else if let Some(room) = &mut self.around.room {
            room.set_aside(); // if there is room: else at the next look
        }
    }

    fn ended(&mut self) {
        let error = self.failed || self.verdict.as_ref().is_some_and(Verdict::is_error);
        self.close(if error { Outcome::AnsweredError } else { Outcome::Answered });
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin, C: FnOnce(Outcome), W: Fn() -> Standing> Answer<B, C, W> {
    /// What the client is told in place of the rest. It is brought to a proper end where that is true to what happened: with an error for
    /// each request that waits, between two events or as the JSON of which nothing has come; or with nothing where all were answered, or a
    /// client goes on elsewhere by itself. All else is seen to be torn, and so is a batch of which some were answered: how many is known,
    /// and not which.
    fn last_words(&mut self, refusal: &Refusal) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.over = true;
        let torn = Poll::Ready(Some(Err(refusal.words.to_string().into())));
        let say = |words: String| Poll::Ready(Some(Ok(Frame::data(Bytes::from(words)))));
        let Some(verdict) = self.verdict.as_ref().filter(|_| !self.failed) else { return torn };
        let json_to_come = verdict.is_json_to_come() && self.body.size_hint().exact().is_none();
        let ids = self.around.waits.ids();
        let errors = || ids.iter().map(|id| wire::error(refusal, id));
        match &self.around.waits {
            Waits::For(_) if json_to_come => say(errors().collect()),
            Waits::ForAll(_) if json_to_come => say(format!("[{}]", errors().collect::<Vec<_>>().join(","))),
            _ if !verdict.is_between_events() => torn,
            Waits::ForNothing => Poll::Ready(None),
            Waits::ForTheEnd => torn,
            _ if verdict.answers() >= ids.len() => Poll::Ready(None),
            // If it can be taken up again where it was left, nothing is decided.
            _ if verdict.answers() > 0 || verdict.is_resumable() => torn,
            _ => say(errors().map(|error| format!("event: message\ndata: {error}\n\n")).collect()),
        }
    }

    /// By us, and why.
    fn halted(&mut self, halt: Halt) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let refusal = halt.refusal();
        self.close(refusal.outcome());
        self.last_words(&refusal)
    }

    /// Looks whether it may go on, though nobody has asked for more for so long. What is ready are the last words.
    fn looked_at(&mut self, unasked: Duration) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let halt = self.around.watch.halts_unasked();
        // What is being taken may be, for as long as the node is there.
        match halt.filter(|halt| *halt != Halt::Stopped || unasked >= PAUSE) {
            Some(halt) => self.halted(halt),
            None if unasked < attended::UNREAD => {
                if self.around.watch.knows() && self.body.read() {
                    self.untaken();
                }
                Poll::Pending
            }
            None => {
                self.over = true;
                self.close(Outcome::ClientGone);
                Poll::Ready(Some(Err("nobody read this answer for too long".into())))
            }
        }
    }
}

impl<B, C, W> Body for Answer<B, C, W>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    C: FnOnce(Outcome) + Unpin,
    W: Fn() -> Standing + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.around.watch.waits(cx) {
            return Poll::Pending;
        }
        let polled = loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                // Trailers are headers that nobody would have looked at.
                Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {}
                other => break other,
            }
        };
        let halt = self.around.watch.halts(polled.is_pending(), cx);
        // A node that drains lets what a client waits for come.
        let halt = halt.filter(|halt| *halt != Halt::Draining || matches!(self.around.waits, Waits::ForNothing));
        if let Some(halt) = halt {
            return self.halted(halt);
        }
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(verdict), Some(data)) = (&mut self.verdict, frame.data_ref()) {
                    verdict.hear(data);
                }
                // The server does not ask again for what it knows to be the end.
                if self.body.is_end_stream() {
                    self.ended();
                }
            }
            Poll::Ready(Some(Err(_))) => {
                self.close(Outcome::UpstreamFailed);
                return self.last_words(&Refusal::upstream_broke_off());
            }
            Poll::Ready(None) => self.ended(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: Body, C: FnOnce(Outcome), W: Fn() -> Standing> Drop for Answer<B, C, W> {
    /// Dropped before its end: the client has gone, and with the body the upstream's connection goes too.
    fn drop(&mut self) {
        if self.body.is_over() { self.ended() } else { self.close(Outcome::ClientGone) }
    }
}

#[cfg(test)]
mod tests;

//! One child: what it is asked and answers, and what is known of it. Whose what it says is, `correlation` knows; `pipes` looks after its
//! process.
//!
//! Every way has a bound: who does not read slows the child down, and nobody but its own session.

mod pipes;
#[cfg(test)]
mod tests;

use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chancery_core::{Clock, Timestamp};
use chancery_outbound::{Child, Order};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::answer::Said;
use super::correlation::{Correlation, Turn};
use super::id::{Id, Value};
use super::{Owner, Yard};
use crate::refusal::Refusal;
use crate::upstream::breaker::Attempt;

/// Messages under way, each way.
const WAITING: usize = 64;

pub struct Conversation {
    pub id: String,
    pub owner: Owner,
    pub is_session: bool,
    /// How long it may be silent from its start, and leave what it is told unread.
    patience: Duration,
    started: Instant,
    to_child: mpsc::Sender<Bytes>,
    state: Mutex<State>,
    over: CancellationToken,
    /// It is over, and so is its process.
    pub process_gone: CancellationToken,
    clock: Arc<dyn Clock>,
}

struct State {
    correlation: Correlation,
    /// Set aside for one who is about to ask.
    taken: bool,
    /// What it said waits for somebody to take it: it does not do nothing.
    delivering: bool,
    /// It has said what a server says: an answer to somebody, or a message of its own.
    spoken: bool,
    /// It has answered with a result: a session whose `initialize` has none never came about.
    established: bool,
    since: Timestamp,
    /// Until it is known whether the command works: it does once it has said something, and does not where it ends before, or is silent
    /// for too long.
    attempt: Option<Attempt>,
}

impl Conversation {
    /// Starts the child, and all that it takes to speak with it.
    pub fn start(
        order: &Order<'_>,
        whose: (String, Owner, bool),
        (patience, over): (Duration, CancellationToken),
        yard: &Yard,
        attempt: Attempt,
    ) -> io::Result<Arc<Self>> {
        let child = match Child::start(order) {
            Ok(child) => child,
            Err(error) => {
                attempt.failed(yard.clock.now());
                return Err(error);
            }
        };
        let (conversation, said) = Self::new(whose, (patience, over), yard.clock.clone(), attempt);
        yard.running.spawn(conversation.clone().run(child, said));
        Ok(conversation)
    }

    fn new(
        (id, owner, is_session): (String, Owner, bool),
        (patience, over): (Duration, CancellationToken),
        clock: Arc<dyn Clock>,
        attempt: Attempt,
    ) -> (Arc<Self>, mpsc::Receiver<Bytes>) {
        let (to_child, said) = mpsc::channel(WAITING);
        let state = State {
            correlation: Correlation::default(),
            taken: true,
            delivering: false,
            spoken: false,
            established: false,
            since: clock.now(),
            attempt: Some(attempt),
        };
        let (state, started, process_gone) = (Mutex::new(state), Instant::now(), CancellationToken::new());
        (Arc::new(Self { id, owner, is_session, patience, started, to_child, state, over, process_gone, clock }), said)
    }

    /// Asks, and hears what is said on the way to the answer.
    pub async fn ask(self: &Arc<Self>, (id, progress): (&Id, Option<Value>), message: Bytes, streams: bool) -> Result<Said, Refusal> {
        let (to, lines) = mpsc::channel(WAITING);
        let turn = {
            let mut state = self.state();
            let is_set_aside = mem::take(&mut state.taken);
            if self.over.is_cancelled() {
                return Err(if is_set_aside { Refusal::upstream_unreachable() } else { Refusal::unknown_session() });
            }
            state.since = self.clock.now();
            state.correlation.ask(id, progress, to).inspect_err(|_| self.ends_unasked(&mut state))?
        };
        let said = Said { lines, conversation: self.clone(), turn: Some(turn), streams, ended: false };
        self.pass(message).await?; // whoever goes meanwhile drops what was said
        Ok(said)
    }

    /// Says in a session what has no answer.
    pub async fn say(&self, message: Bytes) -> Result<(), Refusal> {
        {
            let mut state = self.state();
            if self.over.is_cancelled() {
                return Err(Refusal::unknown_session());
            }
            state.since = self.clock.now();
        }
        self.pass(message).await
    }

    async fn pass(&self, message: Bytes) -> Result<(), Refusal> {
        let sent = timeout(self.patience, self.to_child.send(message)).await;
        sent.ok().and_then(Result::ok).ok_or_else(Refusal::upstream_broke_off)
    }

    /// What is said to nobody in particular. A session has one such stream.
    pub fn listen(self: &Arc<Self>) -> Result<Said, Refusal> {
        let (to, lines) = mpsc::channel(WAITING);
        let mut state = self.state();
        if self.over.is_cancelled() {
            return Err(Refusal::unknown_session());
        }
        state.correlation.listen(to)?;
        Ok(Said { lines, conversation: self.clone(), turn: None, streams: true, ended: false })
    }

    /// Who asked in this turn has gone, or has the answer.
    pub fn left(&self, turn: &Turn) {
        let mut state = self.state();
        let Some(written) = state.correlation.leave(turn) else { return };
        state.since = self.clock.now();
        // Nobody waits to see whether it works, and others may; unless it was silent for so long that they were told so, and went.
        if state.correlation.nobody_waits()
            && let Some(attempt) = state.attempt.take()
            && self.started.elapsed() >= self.patience
        {
            attempt.failed(self.clock.now());
        }
        if self.over.is_cancelled() {
            return;
        }
        let cancel = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{written},"reason":"the client has gone"}}}}"#
        );
        // One that nobody has a session with is not asked again before it is done: another is as good.
        let is_kept = self.is_session && state.established;
        if !is_kept || self.to_child.try_send(Bytes::from(cancel)).is_err() {
            self.end();
        }
    }

    /// One that was started for a request which could not be asked tells nothing of the command.
    fn ends_unasked(&self, state: &mut State) {
        if !state.spoken && state.correlation.nobody_waits() {
            state.attempt = None;
            self.end();
        }
    }

    pub fn listens_no_more(&self) {
        let mut state = self.state();
        state.correlation.listen_no_more();
        state.since = self.clock.now();
    }

    /// Sets it aside for one request, if it does nothing.
    pub fn take(&self) -> bool {
        let mut state = self.state();
        let free = state.correlation.nobody_waits() && !state.taken && !state.delivering && !self.over.is_cancelled();
        state.taken |= free;
        free
    }

    /// Since when it does nothing, if so.
    pub fn idle_since(&self) -> Option<Timestamp> {
        self.state().idle_since()
    }

    /// Ends it, if it does nothing since then or longer, and says so; whoever comes later finds it over.
    pub fn end_if_idle(&self, since: Timestamp) -> bool {
        let state = self.state();
        let is_idle = state.idle_since().is_some_and(|idle_since| idle_since <= since);
        if is_idle {
            self.end();
        }
        is_idle
    }

    pub fn end(&self) {
        self.over.cancel();
    }

    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Nobody gets an answer any more; who waits is told so by the end of theirs.
    fn finish(&self, by_itself: bool) {
        let mut state = self.state();
        if let Some(attempt) = state.attempt.take().filter(|_| by_itself) {
            attempt.failed(self.clock.now());
        }
        state.correlation.end();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn idle_since(&self) -> Option<Timestamp> {
        (!self.taken && !self.delivering && self.correlation.is_idle()).then_some(self.since)
    }
}

//! One child: what it is asked and answers, and what is known of it. Whose what it says is, `correlation` knows; `pipes` looks after its
//! process.
//!
//! Every way has a bound: who does not read slows the child down, and nobody but its own session.

mod pipes;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chancery_core::{Clock, Timestamp};
use chancery_outbound::{Child, Order};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::answer::{Line, Said};
use super::correlation::{Correlation, Turn};
use super::id::{Id, Value};
use super::{Message, Owner, Yard};
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
        (id, owner, is_session): (String, Owner, bool),
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
        let (to_child, said) = mpsc::channel(WAITING);
        let (clock, since) = (yard.clock.clone(), yard.clock.now());
        let state =
            State { correlation: Correlation::default(), taken: true, spoken: false, established: false, since, attempt: Some(attempt) };
        let (state, process_gone) = (Mutex::new(state), CancellationToken::new());
        let conversation = Arc::new(Self { id, owner, is_session, patience, to_child, state, over, process_gone, clock });
        yard.running.spawn(conversation.clone().run(child, said));
        Ok(conversation)
    }

    /// Asks, and hears what is said on the way to the answer.
    pub async fn ask(self: &Arc<Self>, (id, progress): (&Id, Option<Value>), message: Bytes, streams: bool) -> Result<Said, Refusal> {
        let (to, lines) = mpsc::channel(WAITING);
        let turn = {
            let mut state = self.state();
            state.taken = false;
            if self.over.is_cancelled() {
                return Err(Refusal::upstream_unreachable());
            }
            state.correlation.ask(id, progress, to)?
        };
        let said = Said { lines, conversation: self.clone(), turn: Some(turn), streams, ended: false };
        self.say(message).await?; // whoever goes meanwhile drops what was said
        Ok(said)
    }

    pub async fn say(&self, message: Bytes) -> Result<(), Refusal> {
        self.state().since = self.clock.now();
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

    async fn heard(&self, line: Bytes) {
        let Some(message) = std::str::from_utf8(&line).ok().and_then(Message::of) else {
            return tracing::debug!(session = self.id, "a child process said what is no message");
        };
        let is_answer = message.method.is_none();
        let (to, comes_to_nothing) = {
            let mut state = self.state();
            state.since = self.clock.now();
            if is_answer && !state.established {
                state.established = Message::is_result(&line);
            }
            let to = state.correlation.whose(&message);
            if !state.spoken && (to.is_some() || !is_answer) && Message::is_json_rpc(&line) {
                state.spoken = true;
                if let Some(attempt) = state.attempt.take() {
                    attempt.worked();
                }
            }
            let comes_to_nothing = self.is_session && to.is_some() && is_answer && !state.established;
            (to, comes_to_nothing)
        };
        if let Some(to) = to {
            let _ = to.send(if is_answer { Line::Last(line) } else { Line::More(line) }).await; // who has gone hears nothing
        }
        if comes_to_nothing {
            self.end();
        }
    }

    /// Who asked in this turn has gone, or has the answer.
    pub fn left(&self, turn: &Turn) {
        let (given_up, is_kept) = {
            let mut state = self.state();
            state.since = self.clock.now();
            let given_up = state.correlation.leave(turn);
            if given_up.is_some() && state.correlation.nobody_waits() {
                state.attempt = None; // nobody waits to see whether it works, and others may
            }
            (given_up, self.is_session && state.established)
        };
        if let Some(written) = given_up
            && !self.over.is_cancelled()
        {
            let cancel = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{written},"reason":"the client has gone"}}}}"#
            );
            let told = self.to_child.try_send(Bytes::from(cancel));
            // One that nobody has a session with is not asked again before it is done: another is as good.
            if told.is_err() || !is_kept {
                self.end();
            }
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
        let free = state.correlation.nobody_waits() && !state.taken && !self.over.is_cancelled();
        state.taken |= free;
        free
    }

    /// Since when it does nothing, if so.
    pub fn idle_since(&self) -> Option<Timestamp> {
        let state = self.state();
        (!state.taken && state.correlation.is_idle()).then_some(state.since)
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

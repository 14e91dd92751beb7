//! A child's process and its two pipes, until one of them is over: the conversation was ended, the child has left, listens no more, is not
//! understood, or has not said a word for too long.
//!
//! That it has left is seen by itself: what it started and left behind may hold its pipes open. What it said before is still heard.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chancery_outbound::Child;
use chancery_outbound::child::{Input, Output};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Conversation;
use crate::upstream::stdio::Message;
use crate::upstream::stdio::answer::Line;

/// So much time is spent on what a child has said that is gone.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Conversation {
    /// All that goes in and out, and then the child's end.
    pub(super) async fn run(self: Arc<Self>, child: Child, said: Receiver<Bytes>) {
        let _process_gone = self.process_gone.clone().drop_guard(); // dropped last
        let Child { process, mut input, output } = child;
        let gone = CancellationToken::new();
        let going = async {
            tokio::select! {
                () = passed_on(said, &mut input) => {}
                () = process.left() => {}
            }
            gone.cancel();
            pending::<()>().await;
        };
        // Whoever has ended it wins: its own end tells nothing then. And what it said is heard before it is called silent, however much of
        // it there is: this task may come late to both.
        let by_itself = tokio::select! {
            biased;
            () = self.over.cancelled() => false,
            () = going => true,
            () = self.hears(output, &gone) => true,
            () = unconstrained(self.is_silent()) => true,
        };
        self.over.cancel();
        drop(input); // the end of its input is its cue
        self.finish(by_itself);
        process.end().await;
    }

    async fn hears(&self, mut output: Output, gone: &CancellationToken) {
        let mut left = LAST_WORDS;
        loop {
            match line(&mut output, gone, &mut left).await {
                Ok(Some(line)) => self.heard(line).await,
                Ok(None) => return,
                Err(error) => return tracing::warn!(session = self.id, %error, "a child process was not understood"),
            }
        }
    }

    pub(super) async fn heard(&self, line: Bytes) {
        let Some(message) = std::str::from_utf8(&line).ok().and_then(Message::of) else {
            return tracing::debug!(session = self.id, "a child process said what is no message");
        };
        let is_answer = message.method.is_none();
        let (late, comes_to_nothing) = {
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
            let line = if is_answer { Line::Last(line) } else { Line::More(line) };
            let late = to.and_then(|to| match to.try_send(line) {
                Err(TrySendError::Full(line)) => Some((to, line)),
                Ok(()) | Err(TrySendError::Closed(_)) => None, // who has gone hears nothing
            });
            state.delivering = late.is_some();
            (late, comes_to_nothing)
        };
        if let Some((to, line)) = late {
            self.delivers(&to, line).await;
        }
        if comes_to_nothing {
            self.end();
        }
    }

    /// To one who is slow to take it.
    async fn delivers(&self, to: &Sender<Line>, line: Line) {
        let room = to.reserve().await;
        let mut state = self.state();
        (state.delivering, state.since) = (false, self.clock.now());
        if let Ok(room) = room {
            room.send(line);
        }
    }

    /// Until it is clear that it does not speak.
    async fn is_silent(&self) {
        sleep(self.patience.saturating_sub(self.started.elapsed())).await;
        if self.state().spoken {
            pending::<()>().await;
        }
        tracing::warn!(session = self.id, seconds = self.patience.as_secs(), "a child process has not said anything");
    }
}

/// Until it listens no more.
async fn passed_on(mut said: Receiver<Bytes>, input: &mut Input) {
    while let Some(message) = said.recv().await {
        if input.say(&message).await.is_err() {
            return;
        }
    }
}

/// Its next line; of one that is gone, within what is left of the time for that.
async fn line(output: &mut Output, gone: &CancellationToken, left: &mut Duration) -> io::Result<Option<Bytes>> {
    if !gone.is_cancelled() {
        tokio::select! {
            biased;
            line = output.line() => return line,
            () = gone.cancelled() => {}
        }
    }
    if left.is_zero() {
        return Ok(None);
    }
    let since = Instant::now();
    let line = timeout(*left, output.line()).await.unwrap_or(Ok(None));
    *left = left.saturating_sub(since.elapsed());
    line
}

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
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Conversation;

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
        let by_itself = tokio::select! {
            () = going => true,
            () = self.hears(output, &gone) => true,
            () = self.is_silent() => true,
            () = self.over.cancelled() => false,
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

    /// Until it is clear that it does not speak.
    async fn is_silent(&self) {
        sleep(self.patience).await;
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

//! Whether the authority behind a stream still stands. A token is checked when a request begins; its stream may last for hours, and
//! "one switch ends it" holds for streams too.
//!
//! That the token has run out meanwhile ends nothing: the call was let through, and tasks outlive tokens.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// How often a silent stream is looked at; less than the second in which an end takes effect.
const PAUSE: Duration = Duration::from_millis(500);

/// Looks after one stream: `W` says whether what it stands for was ended.
pub struct Watch<W> {
    was_ended: W,
    /// Set when a stream first falls silent: most answers never do.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<W: Fn() -> bool> Watch<W> {
    pub const fn new(was_ended: W) -> Self {
        Self { was_ended, alarm: None }
    }

    /// Whether it was ended. If the stream is `silent`, `cx` is woken for the next look.
    pub fn has_ended(&mut self, silent: bool, cx: &mut Context<'_>) -> bool {
        if (self.was_ended)() {
            return true;
        }
        while silent && self.alarm.get_or_insert_with(|| Box::pin(sleep(PAUSE))).as_mut().poll(cx).is_ready() {
            self.alarm = None;
        }
        false
    }
}

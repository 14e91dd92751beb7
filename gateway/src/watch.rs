//! Whether a stream may go on: whether the authority behind it still stands, and whether it has time left. A token is checked when a
//! request begins; its stream may last for hours, and "one switch ends it" holds for streams too.
//!
//! That the token has run out meanwhile ends nothing: the call was let through, and tasks outlive tokens.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use chancery_registry::UpstreamLimits;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;

/// How often a silent stream is looked at; less than the second in which an end takes effect.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a stream may not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Halt {
    /// What it stands for was ended.
    Ended,
    /// It was silent for too long.
    Silent,
    /// It lasted for too long.
    Long,
    /// This node is about to stop, so what waits for nothing in particular may as well wait elsewhere.
    Draining,
}

/// Looks after one stream: `W` says whether what it stands for was ended.
pub struct Watch<W> {
    was_ended: W,
    idle: Duration,
    ends_at: Option<Instant>,
    heard_at: Instant,
    draining: CancellationToken,
    /// Set when a stream first falls silent: most answers never do.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<W: Fn() -> bool> Watch<W> {
    pub fn new(was_ended: W, limits: &UpstreamLimits, draining: CancellationToken) -> Self {
        let now = Instant::now();
        Self { was_ended, idle: limits.idle, ends_at: now.checked_add(limits.absolute), heard_at: now, draining, alarm: None }
    }

    /// Why it may not go on, if so. If the stream is `silent`, `cx` is woken for the next look.
    pub fn halts(&mut self, silent: bool, cx: &mut Context<'_>) -> Option<Halt> {
        if (self.was_ended)() {
            return Some(Halt::Ended);
        }
        let now = Instant::now();
        if self.ends_at.is_some_and(|end| end <= now) {
            return Some(Halt::Long);
        }
        if !silent {
            self.heard_at = now;
            return None;
        }
        if now.duration_since(self.heard_at) >= self.idle {
            return Some(Halt::Silent);
        }
        while self.alarm.get_or_insert_with(|| Box::pin(sleep(PAUSE.min(self.idle)))).as_mut().poll(cx).is_ready() {
            self.alarm = None;
        }
        self.draining.is_cancelled().then_some(Halt::Draining)
    }
}

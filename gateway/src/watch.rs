//! Whether a stream may go on: whether the authority behind it still stands, and whether it has time left. A token is checked when a
//! request begins; its stream may last for hours, and "one switch ends it" holds for streams too.
//!
//! That the token has run out meanwhile ends nothing: the call was let through, and tasks outlive tokens. Where nobody knows whether it
//! was ended, since this node hears nothing of ends, the stream waits with it and goes on when there is news; but not for ever, since
//! another node may know.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use chancery_registry::UpstreamLimits;
use chancery_tokens::Standing;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::leaving::Leaving;
use crate::refusal::Refusal;

/// How often a silent stream is looked at; less than the second in which an end takes effect.
pub const PAUSE: Duration = Duration::from_millis(500);

/// How long a stream waits for news of ends. Longer than a database takes to be replaced by its standby.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a stream may not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Halt {
    /// What it stands for was ended.
    Ended,
    /// Nobody knows whether it was, and it has waited.
    Blind,
    /// It was silent for too long.
    Silent,
    /// It lasted for too long.
    Long,
    /// This node is about to stop, so what waits for nothing in particular may as well wait elsewhere.
    Draining,
    /// It stops now.
    Stopped,
}

impl Halt {
    /// What whoever waits is told.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::Ended => Refusal::stream_ended(),
            Self::Blind => Refusal::stream_unsure(),
            Self::Silent => Refusal::stream_silent(),
            Self::Long => Refusal::stream_long(),
            Self::Draining | Self::Stopped => Refusal::node_stopped(),
        }
    }
}

/// Looks after one stream: `W` says how what it stands for stands.
pub struct Watch<W> {
    standing: W,
    idle: Duration,
    ends_at: Option<Instant>,
    heard_at: Instant,
    /// Since when nobody knows how it stands.
    blind_since: Option<Instant>,
    leaving: Leaving,
    /// Set when a stream first falls silent: most answers never do.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Wakes it as well: what has a second for its last words spends none of it asleep.
    over: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl<W: Fn() -> Standing> Watch<W> {
    pub fn new(standing: W, limits: &UpstreamLimits, leaving: Leaving) -> Self {
        let now = Instant::now();
        let ends_at = now.checked_add(limits.absolute);
        Self { standing, idle: limits.idle, ends_at, heard_at: now, blind_since: None, leaving, alarm: None, over: None }
    }

    /// The same before an answer begins: how long that may take is the upstream's own limit.
    pub fn of_head(standing: W, leaving: Leaving) -> Self {
        let heard_at = Instant::now();
        Self { standing, idle: Duration::MAX, ends_at: None, heard_at, blind_since: None, leaving, alarm: None, over: None }
    }

    /// Waits until it may not go on. `for_nothing` says that a drain is reason enough.
    pub async fn halted(&mut self, for_nothing: bool) -> Halt {
        poll_fn(|cx| {
            if self.waits(cx) {
                return Poll::Pending;
            }
            let halt = self.halts(true, cx).filter(|halt| for_nothing || *halt != Halt::Draining);
            halt.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Whether nothing may pass for now, nor be asked of the upstream: then `cx` is woken for the next look. It is asked before
    /// [`Watch::halts`], which says so where the wait is over.
    pub fn waits(&mut self, cx: &mut Context<'_>) -> bool {
        if (self.standing)() != Standing::Unknown {
            self.blind_since = None;
            return false;
        }
        let now = Instant::now();
        let since = *self.blind_since.get_or_insert(now);
        self.heard_at = now; // the silence is ours
        if self.leaving.has_begun() || self.is_over(now) || now.duration_since(since) >= PATIENCE {
            return false;
        }
        self.look_again(cx);
        true
    }

    /// Why it may not go on, if so. If the stream is `silent`, `cx` is woken for the next look.
    pub fn halts(&mut self, silent: bool, cx: &mut Context<'_>) -> Option<Halt> {
        if (self.standing)() == Standing::Ended {
            return Some(Halt::Ended);
        }
        let now = Instant::now();
        if self.is_over(now) {
            return Some(Halt::Long);
        }
        if self.blind_since.is_some() {
            return Some(Halt::Blind);
        }
        if !silent {
            self.heard_at = now;
            return None;
        }
        if now.duration_since(self.heard_at) >= self.idle {
            return Some(Halt::Silent);
        }
        self.look_again(cx);
        // What is there already may still pass.
        if self.leaving.is_over() {
            return Some(Halt::Stopped);
        }
        self.leaving.has_begun().then_some(Halt::Draining)
    }

    /// Why it may not go on, though nobody asks for more of it: so nobody hears whether it is silent.
    pub fn halts_unasked(&mut self) -> Option<Halt> {
        let now = Instant::now();
        match (self.standing)() {
            Standing::Ended => return Some(Halt::Ended),
            Standing::Good => self.blind_since = None,
            Standing::Unknown if now.duration_since(*self.blind_since.get_or_insert(now)) >= PATIENCE => return Some(Halt::Blind),
            Standing::Unknown => {}
        }
        if self.is_over(now) {
            return Some(Halt::Long);
        }
        self.leaving.is_over().then_some(Halt::Stopped)
    }

    /// Whether it was known how it stands when it was last looked at.
    pub const fn knows(&self) -> bool {
        self.blind_since.is_none()
    }

    fn is_over(&self, now: Instant) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }

    fn look_again(&mut self, cx: &mut Context<'_>) {
        while self.alarm.get_or_insert_with(|| Box::pin(sleep(PAUSE.min(self.idle)))).as_mut().poll(cx).is_ready() {
            self.alarm = None;
        }
        let _looked_at_anyway = self.over.get_or_insert_with(|| Box::pin(self.leaving.until_over())).as_mut().poll(cx);
    }
}

//! A circuit breaker: who failed several times in a row is left alone for a while, then tried by one request; longer each time that
//! fails too. So a server that is down costs its callers no waiting, and is not flooded as it comes up.
//!
//! A trial may take as long as any request, and nobody waits for the first longer than for a pause: then another tries, too, and the one before
//! tells only whether it worked. Each that joins others has twice as long until the next may: few hang in a black hole.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_core::Timestamp;

/// Failures in a row until it opens.
const ENOUGH: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Until another trial joins those that hang, however many they are.
const LONGEST_TRIAL: Duration = Duration::from_mins(4);

/// Of one address.
#[derive(Default)]
pub struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    /// Nobody passes before; none while it is closed.
    opens_at: Option<Timestamp>,
    pause: Duration,
    /// The newest that is on its way to see,
    probe: Option<Probe>,
    /// of so many,
    probes: u64,
    /// and of so many that hang since it last worked,
    under_way: u32,
    /// which it did so often.
    recoveries: u64,
}

#[derive(Clone, Copy)]
struct Probe {
    number: u64,
    /// When another is sent.
    overdue_at: Timestamp,
}

/// Why nobody passes now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// It is left alone until then.
    Pause(Timestamp),
    /// One tries it, and from then on another.
    Trial(Timestamp),
}

/// Leave to try, until it is told how that went. Dropped untold, it changes nothing: whoever asked has gone.
pub struct Attempt {
    breaker: Arc<Breaker>,
    /// Which one it is, if one.
    probe: Option<u64>,
    /// How often it had worked by then.
    recoveries: u64,
}

impl Breaker {
    /// Leave to try, unless it rests.
    pub fn admit(self: &Arc<Self>, now: Timestamp) -> Option<Attempt> {
        let mut state = self.state();
        if state.rest(now).is_some() {
            return None;
        }
        let probe = state.opens_at.is_some().then(|| state.sends_a_probe(now));
        Some(Attempt { breaker: self.clone(), probe, recoveries: state.recoveries })
    }

    /// Why it is not asked now, if so.
    pub fn rest(&self, now: Timestamp) -> Option<Rest> {
        self.state().rest(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn rest(&self, now: Timestamp) -> Option<Rest> {
        let opens_at = self.opens_at?;
        if now < opens_at {
            return Some(Rest::Pause(opens_at));
        }
        self.probe.map(|probe| probe.overdue_at).filter(|at| now < *at).map(Rest::Trial)
    }

    fn sends_a_probe(&mut self, now: Timestamp) -> u64 {
        let patience = LONGEST_PAUSE.saturating_mul(1 << self.under_way.min(16)).min(LONGEST_TRIAL);
        self.probes += 1;
        self.under_way += 1;
        self.probe = Some(Probe { number: self.probes, overdue_at: now + patience });
        self.probes
    }

    /// Whether it is the newest, which all wait for.
    fn waits_for(&self, probe: Option<u64>) -> bool {
        self.probe.is_some_and(|newest| probe == Some(newest.number))
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause(until) => write!(f, "is left alone until {until}"),
            Self::Trial(until) => write!(f, "is tried by one request, and by another from {until} on if that still waits"),
        }
    }
}

impl Attempt {
    pub fn worked(self) {
        let mut state = self.breaker.state();
        if state.opens_at.is_some() {
            (state.recoveries, state.under_way) = (state.recoveries + 1, 0);
        }
        (state.failures, state.opens_at, state.pause, state.probe) = (0, None, Duration::ZERO, None);
    }

    pub fn failed(self, now: Timestamp) {
        let mut state = self.breaker.state();
        state.failures = state.failures.saturating_add(1);
        if state.waits_for(self.probe) || (state.failures >= ENOUGH && state.opens_at.is_none()) {
            state.pause = (state.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            state.opens_at = Some(now + state.pause);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        if state.waits_for(self.probe) {
            state.probe = None;
        }
        if self.probe.is_some() && self.recoveries == state.recoveries {
            state.under_way -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::NOW;

    fn fail(breaker: &Arc<Breaker>, times: u32, now: Timestamp) {
        (0..times).for_each(|_| breaker.admit(now).expect("leave").failed(now));
    }

    fn pause_of(breaker: &Breaker, now: Timestamp) -> Timestamp {
        match breaker.rest(now) {
            Some(Rest::Pause(until)) => until,
            other => panic!("it does not rest: {other:?}"),
        }
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_through_to_see() {
        let breaker = Arc::<Breaker>::default();
        fail(&breaker, ENOUGH - 1, NOW);
        breaker.admit(NOW).expect("leave").worked();
        fail(&breaker, ENOUGH, NOW);
        assert!(breaker.admit(NOW).is_none());
        assert_eq!(breaker.rest(NOW), Some(Rest::Pause(NOW + FIRST_PAUSE)));

        let later = NOW + FIRST_PAUSE;
        let probe = breaker.admit(later).expect("one may see");
        assert!(breaker.admit(later).is_none(), "one at a time");
        drop(probe);
        breaker.admit(later).expect("who has gone told nothing").failed(later);
        assert_eq!(breaker.rest(later), Some(Rest::Pause(later + 2 * FIRST_PAUSE)));

        let later = later + 2 * FIRST_PAUSE;
        breaker.admit(later).expect("again").worked();
        assert!(breaker.admit(later).is_some() && breaker.admit(later).is_some());
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let (breaker, mut now) = (Arc::<Breaker>::default(), NOW);
        fail(&breaker, ENOUGH, now);
        for _ in 0..20 {
            now = pause_of(&breaker, now);
            breaker.admit(now).expect("a probe").failed(now);
        }
        assert_eq!(breaker.rest(now), Some(Rest::Pause(now + LONGEST_PAUSE)));
    }

    /// One that rests, whose trial is overdue, so that another has begun.
    fn tried_twice() -> (Arc<Breaker>, [Attempt; 2], Timestamp) {
        let breaker = Arc::<Breaker>::default();
        fail(&breaker, ENOUGH, NOW);
        let began = pause_of(&breaker, NOW);
        let first = breaker.admit(began).expect("one may see");
        let overdue = began + LONGEST_PAUSE;
        let just_before = overdue - Duration::from_millis(1);
        assert_eq!((breaker.rest(just_before), breaker.admit(just_before).is_none()), (Some(Rest::Trial(overdue)), true));

        assert_eq!(breaker.rest(overdue), None);
        let second = breaker.admit(overdue).expect("a trial that hangs shuts nobody out for longer than a pause");
        assert_eq!((breaker.rest(overdue), breaker.admit(overdue).is_none()), (Some(Rest::Trial(overdue + 2 * LONGEST_PAUSE)), true));
        (breaker, [first, second], overdue)
    }

    #[test]
    fn a_trial_that_hangs_is_joined_by_another_and_tells_only_that_it_worked() {
        // It goes, and the other one is still waited for.
        let (breaker, [first, _second], now) = tried_twice();
        drop(first);
        assert!(breaker.admit(now).is_none());

        // Both fail, in either order: one pause more.
        for newest_first in [true, false] {
            let (breaker, mut both, now) = tried_twice();
            if newest_first {
                both.reverse();
            }
            both.into_iter().for_each(|attempt| attempt.failed(now));
            assert_eq!(breaker.rest(now), Some(Rest::Pause(now + 2 * FIRST_PAUSE)));
        }

        // It works after all, and what the other one tells then counts like any request's.
        let (breaker, [first, second], now) = tried_twice();
        first.worked();
        assert!(breaker.admit(now).is_some() && breaker.admit(now).is_some());
        second.failed(now);
        assert_eq!(breaker.rest(now), None);
        fail(&breaker, ENOUGH - 1, now);
        assert_eq!(breaker.rest(now), Some(Rest::Pause(now + FIRST_PAUSE)));
    }

    #[test]
    fn what_hung_before_it_worked_holds_nobody_off_when_it_fails_again() {
        let (breaker, [first, second], now) = tried_twice();
        breaker.admit(now + 2 * LONGEST_PAUSE).expect("a third").worked();
        fail(&breaker, ENOUGH, now);
        let later = pause_of(&breaker, now);
        let trial = breaker.admit(later).expect("one may see");
        drop((first, second));
        assert_eq!(breaker.rest(later), Some(Rest::Trial(later + LONGEST_PAUSE)));
        drop(breaker.admit(later + LONGEST_PAUSE).expect("another joins it"));
        drop(trial);
        assert_eq!(breaker.state().under_way, 0);
    }

    #[test]
    fn few_hang_in_a_black_hole_however_long_a_request_may_take() {
        const FIRST_BYTE: Duration = Duration::from_mins(10);
        let breaker = Arc::<Breaker>::default();
        fail(&breaker, ENOUGH, NOW);
        let (mut hanging, mut tried, mut most) = (Vec::new(), NOW, 0);
        for second in 0..7200 {
            let now = NOW + Duration::from_secs(second);
            while hanging.first().is_some_and(|(began, _)| *began + FIRST_BYTE <= now) {
                let (_, attempt): (Timestamp, Attempt) = hanging.remove(0);
                attempt.failed(now);
            }
            if let Some(attempt) = breaker.admit(now) {
                hanging.push((now, attempt));
                tried = now;
            }
            most = most.max(hanging.len());
            assert!(now < tried + LONGEST_TRIAL, "it is tried seldom");
        }
        assert!((2..=5).contains(&most), "{most} hang at once");

        // They are gone: the next is as the first.
        drop(hanging);
        let later = NOW + 20 * FIRST_BYTE;
        let _first = breaker.admit(later).expect("one may see");
        assert_eq!(breaker.rest(later), Some(Rest::Trial(later + LONGEST_PAUSE)));
    }
}

//! A circuit breaker: who failed several times in a row is left alone for a while, then tried by one request; longer each time that
//! fails too. So a server that is down costs its callers no waiting, and is not flooded as it comes up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_core::Timestamp;

/// Failures in a row until it opens.
const ENOUGH: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Of one address.
#[derive(Default)]
pub struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    /// Nobody passes before; none while it is closed.
    opens_at: Option<Timestamp>,
    pause: Duration,
    /// One is on its way to see.
    probing: bool,
}

/// Leave to try, until it is told how that went. Dropped untold, it changes nothing: whoever asked has gone.
pub struct Attempt {
    breaker: Arc<Breaker>,
    probe: bool,
}

impl Breaker {
    /// Leave to try, unless it rests.
    pub fn admit(self: &Arc<Self>, now: Timestamp) -> Option<Attempt> {
        let mut state = self.state();
        match state.opens_at {
            None => Some(Attempt { breaker: self.clone(), probe: false }),
            Some(at) if now < at || state.probing => None,
            Some(_) => {
                state.probing = true;
                Some(Attempt { breaker: self.clone(), probe: true })
            }
        }
    }

    /// Until when it rests.
    pub fn resting_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.state().opens_at.filter(|at| now < *at)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    pub fn worked(self) {
        let mut state = self.breaker.state();
        (state.failures, state.opens_at, state.pause) = (0, None, Duration::ZERO);
    }

    pub fn failed(self, now: Timestamp) {
        let mut state = self.breaker.state();
        state.failures = state.failures.saturating_add(1);
        if self.probe || (state.failures >= ENOUGH && state.opens_at.is_none()) {
            state.pause = (state.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            state.opens_at = Some(now + state.pause);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.state().probing = false;
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

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_through_to_see() {
        let breaker = Arc::<Breaker>::default();
        fail(&breaker, ENOUGH - 1, NOW);
        breaker.admit(NOW).expect("leave").worked();
        fail(&breaker, ENOUGH, NOW);
        assert!(breaker.admit(NOW).is_none());
        assert_eq!(breaker.resting_until(NOW), Some(NOW + FIRST_PAUSE));

        let later = NOW + FIRST_PAUSE;
        let probe = breaker.admit(later).expect("one may see");
        assert!(breaker.admit(later).is_none(), "one at a time");
        drop(probe);
        breaker.admit(later).expect("who has gone told nothing").failed(later);
        assert_eq!(breaker.resting_until(later), Some(later + 2 * FIRST_PAUSE));

        let later = later + 2 * FIRST_PAUSE;
        breaker.admit(later).expect("again").worked();
        assert!(breaker.admit(later).is_some() && breaker.admit(later).is_some());
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let (breaker, mut now) = (Arc::<Breaker>::default(), NOW);
        fail(&breaker, ENOUGH, now);
        for _ in 0..20 {
            now = breaker.resting_until(now).expect("it rests");
            breaker.admit(now).expect("a probe").failed(now);
        }
        assert_eq!(breaker.resting_until(now), Some(now + LONGEST_PAUSE));
    }
}

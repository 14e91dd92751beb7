//! How often strangers may make us fetch: anybody can name an address, and each new one is a request of ours to somebody's server. What
//! is counted is real fetches; what the cache has costs nothing.
//!
//! Counted by fixed minutes rather than by a rate limiter: it is asked with our clock, and the number of sources remembered is at most
//! the number of fetches in a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_core::{Network, Source, Timestamp};

const MINUTE: Duration = Duration::from_secs(60);
/// A clock that is so far behind was set back: nobody waits for so long between having the time and asking.
const SET_BACK: Duration = Duration::from_mins(1);
/// Of one source, and of a wide network's at most, a minute and at once: one alone never holds so many that others wait.
const OF_ONE: Most = Most { a_minute: 30, at_once: 4 };
const OF_MANY: Most = Most { a_minute: 120, at_once: 8 };
const OF_ALL: Most = Most { a_minute: 600, at_once: 16 };

#[derive(Clone, Copy)]
struct Most {
    a_minute: u32,
    at_once: u32,
}

/// One tenant's.
#[derive(Default)]
pub(crate) struct Allowance(Mutex<Spent>);

#[derive(Default)]
struct Spent {
    since: Option<Timestamp>,
    by_network: HashMap<Asker, u32>,
    all: u32,
    under_way: HashMap<Asker, u32>,
    all_under_way: u32,
}

/// Nobody from outside, or a network that the source is in.
type Asker = Option<Network>;

/// A fetch that may be made, while this is held.
pub(crate) struct Allowed {
    of: Arc<Allowance>,
    by: Vec<Asker>,
}

impl Allowance {
    /// None, where this source or all together have had what there is. Who waited for its turn may come with a time from before the minute
    /// began, and counts in that minute: it would else begin anew for everybody.
    pub(crate) fn take(self: &Arc<Self>, source: Option<Source>, now: Timestamp) -> Option<Allowed> {
        let by: Vec<Asker> = source.map_or_else(|| vec![None], |source| source.networks().map(Some).collect());
        let mut spent = self.spent();
        if spent.since.is_none_or(|since| since + MINUTE <= now || now + SET_BACK <= since) {
            (spent.since, spent.all) = (Some(now), 0);
            spent.by_network.clear();
        }
        if !spent.has_room(&by) {
            return None;
        }
        for asker in &by {
            *spent.by_network.entry(*asker).or_default() += 1;
            *spent.under_way.entry(*asker).or_default() += 1;
        }
        spent.all += 1;
        spent.all_under_way += 1;
        Some(Allowed { of: Arc::clone(self), by })
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    fn has_room(&self, by: &[Asker]) -> bool {
        let had = |counts: &HashMap<Asker, u32>, asker| counts.get(asker).copied().unwrap_or_default();
        self.all < OF_ALL.a_minute
            && self.all_under_way < OF_ALL.at_once
            && by.iter().all(|asker| {
                let most = most(asker);
                had(&self.by_network, asker) < most.a_minute && had(&self.under_way, asker) < most.at_once
            })
    }
}

fn most(asker: &Asker) -> Most {
    if asker.is_none_or(|network| network.times == 1) { OF_ONE } else { OF_MANY }
}

impl Drop for Allowed {
    fn drop(&mut self) {
        let mut spent = self.of.spent();
        spent.all_under_way -= 1;
        for asker in &self.by {
            if let Some(count) = spent.under_way.get_mut(asker) {
                *count -= 1;
                if *count == 0 {
                    spent.under_way.remove(asker);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn source(last: u8) -> Option<Source> {
        Some(Source::new(IpAddr::from([198, 51, 100, last])))
    }

    #[test]
    fn one_source_has_so_much_a_minute_and_others_have_theirs() {
        let allowance = Arc::new(Allowance::default());
        for _ in 0..OF_ONE.a_minute {
            assert!(allowance.take(source(1), NOW).is_some());
        }
        assert!(allowance.take(source(1), NOW + Duration::from_secs(59)).is_none());
        assert!(allowance.take(source(2), NOW).is_some());
        assert!(allowance.take(source(1), NOW + MINUTE).is_some());
    }

    #[test]
    fn ci_11_whoever_waited_and_comes_with_an_earlier_time_clears_no_count() {
        let allowance = Arc::new(Allowance::default());
        for behind in 0..OF_ONE.a_minute {
            assert!(allowance.take(source(1), NOW - Duration::from_secs(u64::from(behind))).is_some());
        }
        assert!(allowance.take(source(1), NOW - Duration::from_secs(5)).is_none());
        assert!(allowance.take(source(1), NOW).is_none());

        let set_back = NOW - MINUTE;
        assert!(allowance.take(source(1), set_back).is_some(), "a clock that was set right stops nobody for as long as it was wrong");
    }

    #[test]
    fn whoever_moves_about_in_a_wide_network_has_no_more_than_it() {
        let allowance = Arc::new(Allowance::default());
        let from = |network: u32| Some(Source::new(format!("2001:db8:0:{network:x}::1").parse().expect("an address")));
        let allowed = (0..1_000).filter(|network| allowance.take(from(*network), NOW).is_some()).count();
        assert_eq!(allowed, OF_MANY.a_minute as usize);
        assert!(allowance.take(source(1), NOW).is_some());
    }

    #[test]
    fn all_together_have_so_much_a_minute_and_no_more_is_remembered() {
        let allowance = Arc::new(Allowance::default());
        let many = (0..=255).cycle().take(2 * OF_ALL.a_minute as usize);
        let allowed = many.filter(|last| allowance.take(source(*last), NOW).is_some()).count();
        assert_eq!(allowed, OF_ALL.a_minute as usize);
        assert!(allowance.spent().by_network.len() <= OF_ALL.a_minute as usize);
        assert!(allowance.spent().under_way.is_empty());
    }

    #[test]
    fn one_source_holds_so_many_at_once_and_leaves_room() {
        let allowance = Arc::new(Allowance::default());
        let mut held: Vec<_> = (0..OF_ONE.at_once).map(|_| allowance.take(source(1), NOW).expect("room")).collect();
        assert!(allowance.take(source(1), NOW).is_none());
        assert!(allowance.take(source(2), NOW).is_some());
        held.pop();
        assert!(allowance.take(source(1), NOW).is_some());
        for last in 2.. {
            let Some(allowed) = allowance.take(source(last), NOW) else { break };
            held.push(allowed);
        }
        assert_eq!(held.len(), OF_ALL.at_once as usize);
    }
}

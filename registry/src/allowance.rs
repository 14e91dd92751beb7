//! How often strangers may make us fetch: anybody can name an address, and each new one is a request of ours to somebody's server. What
//! is counted is real fetches; what the cache has costs nothing.
//!
//! Counted by fixed minutes rather than by a rate limiter: it is asked with our clock, and the number of sources remembered is at most
//! the number of fetches in a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_core::{Source, Timestamp};

const MINUTE: Duration = Duration::from_secs(60);
/// In a minute: of one source, and of all.
const A_MINUTE: [u32; 2] = [30, 600];
/// At once: of one source, and of all. One source alone never holds so many that others wait.
const AT_ONCE: [u32; 2] = [4, 16];

/// One tenant's.
#[derive(Default)]
pub(crate) struct Allowance(Mutex<Spent>);

#[derive(Default)]
struct Spent {
    since: Option<Timestamp>,
    by_source: HashMap<Option<IpAddr>, u32>,
    all: u32,
    under_way: HashMap<Option<IpAddr>, u32>,
    all_under_way: u32,
}

/// A fetch that may be made, while this is held.
pub(crate) struct Allowed {
    of: Arc<Allowance>,
    source: Option<IpAddr>,
}

impl Allowance {
    /// None, where this source or all together have had what there is.
    pub(crate) fn take(self: &Arc<Self>, source: Option<Source>, now: Timestamp) -> Option<Allowed> {
        let source = source.map(Source::network);
        let mut spent = self.spent();
        if spent.since.is_none_or(|since| now < since || since + MINUTE <= now) {
            (spent.since, spent.all) = (Some(now), 0);
            spent.by_source.clear();
        }
        let by_source = |counts: &HashMap<_, u32>| counts.get(&source).copied().unwrap_or_default();
        let rate = [by_source(&spent.by_source), spent.all];
        let load = [by_source(&spent.under_way), spent.all_under_way];
        if rate.iter().zip(A_MINUTE).chain(load.iter().zip(AT_ONCE)).any(|(had, most)| *had >= most) {
            return None;
        }
        *spent.by_source.entry(source).or_default() += 1;
        *spent.under_way.entry(source).or_default() += 1;
        spent.all += 1;
        spent.all_under_way += 1;
        Some(Allowed { of: Arc::clone(self), source })
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Allowed {
    fn drop(&mut self) {
        let mut spent = self.of.spent();
        spent.all_under_way -= 1;
        if let Some(count) = spent.under_way.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                spent.under_way.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn source(last: u8) -> Option<Source> {
        Some(Source::new(IpAddr::from([198, 51, 100, last])))
    }

    #[test]
    fn one_source_has_so_much_a_minute_and_others_have_theirs() {
        let allowance = Arc::new(Allowance::default());
        for _ in 0..A_MINUTE[0] {
            assert!(allowance.take(source(1), NOW).is_some());
        }
        assert!(allowance.take(source(1), NOW + Duration::from_secs(59)).is_none());
        assert!(allowance.take(source(2), NOW).is_some());
        assert!(allowance.take(source(1), NOW + MINUTE).is_some());
    }

    #[test]
    fn all_together_have_so_much_a_minute_and_no_more_is_remembered() {
        let allowance = Arc::new(Allowance::default());
        let many = (0..=255).cycle().take(2 * A_MINUTE[1] as usize);
        let allowed = many.filter(|last| allowance.take(source(*last), NOW).is_some()).count();
        assert_eq!(allowed, A_MINUTE[1] as usize);
        assert!(allowance.spent().by_source.len() <= A_MINUTE[1] as usize);
        assert!(allowance.spent().under_way.is_empty());
    }

    #[test]
    fn one_source_holds_so_many_at_once_and_leaves_room() {
        let allowance = Arc::new(Allowance::default());
        let mut held: Vec<_> = (0..AT_ONCE[0]).map(|_| allowance.take(source(1), NOW).expect("room")).collect();
        assert!(allowance.take(source(1), NOW).is_none());
        assert!(allowance.take(source(2), NOW).is_some());
        held.pop();
        assert!(allowance.take(source(1), NOW).is_some());
        for last in 2.. {
            let Some(allowed) = allowance.take(source(last), NOW) else { break };
            held.push(allowed);
        }
        assert_eq!(held.len(), AT_ONCE[1] as usize);
    }
}

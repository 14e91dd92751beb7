//! Numbers in memory, of so many keys and no more: a stranger makes a number grow, and nothing else.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts since they were last taken. Cloning shares them.
#[derive(Clone)]
pub struct Tally<K> {
    counts: Arc<Mutex<HashMap<K, u64>>>,
    distinct: usize,
    rest: fn(K) -> K,
}

impl<K: Clone + Eq + Hash> Tally<K> {
    /// So many keys are told apart; what comes after is counted under what `rest` makes of it.
    pub fn new(distinct: usize, rest: fn(K) -> K) -> Self {
        Self { counts: Arc::default(), distinct, rest }
    }

    pub fn add(&self, key: K, by: u64) {
        let mut counts = self.counts();
        let full = counts.len() >= self.distinct && !counts.contains_key(&key);
        let count = counts.entry(if full { (self.rest)(key) } else { key }).or_default();
        *count = count.saturating_add(by);
    }

    /// All of them; counting begins anew.
    pub fn take(&self) -> HashMap<K, u64> {
        std::mem::take(&mut *self.counts())
    }

    /// All of them; counting goes on.
    pub fn so_far(&self) -> HashMap<K, u64> {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<K, u64>> {
        // A count is one statement: whoever panicked left nothing half done.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_the_rest_has_one_number() {
        let tally = Tally::new(2, |_| 0);
        for key in [1, 2, 3, 4, 1] {
            tally.add(key, 1);
        }
        tally.add(2, u64::MAX);
        assert_eq!(tally.clone().take(), HashMap::from([(1, 2), (2, u64::MAX), (0, 2)]));
        assert!(tally.take().is_empty());
    }
}

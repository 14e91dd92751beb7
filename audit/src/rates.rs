//! How often somebody may do what leaves a trace. Nothing is written for it, so each node has its own count; and so many are remembered
//! and no more, so that a stranger who comes from everywhere costs no more memory than one who stays.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chancery_core::{Clock, Network, Source, TenantId};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use quick_cache::sync::Cache;

/// Those beyond these push the oldest out. Who has so many is held by what holds all together.
const MOST: usize = 16_384;

type Limiter = RateLimiter<NotKeyed, InMemoryState, Time, NoOpMiddleware<Duration>>;

/// So many at once, and as many again in each such time. None at all is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rate {
    pub most: u32,
    pub per: Duration,
}

/// Counts by whatever tells them apart.
pub struct Rates<K> {
    /// A rate that changes begins anew.
    known: Cache<(K, Rate), Arc<Limiter>>,
    time: Time,
}

impl<K: Clone + Eq + Hash> Rates<K> {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { known: Cache::new(MOST), time: Time(clock) }
    }

    /// One more.
    ///
    /// # Errors
    /// How many seconds to wait, where there were too many.
    pub fn admit(&self, key: K, rate: Rate) -> Result<(), u64> {
        let Some(most) = NonZeroU32::new(rate.most) else { return Ok(()) };
        let Some(quota) = Quota::with_period(rate.per / rate.most).map(|quota| quota.allow_burst(most)) else { return Ok(()) };
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::new(Limiter::direct_with_clock(quota, self.time.clone())));
        let Ok(limiter) = self.known.get_or_insert_with(&(key, rate), fresh);
        let now = governor::clock::Clock::now(&self.time);
        limiter.check().map_err(|until| until.wait_time_from(now).as_secs() + 1)
    }
}

/// Counts by where requests come from, each tenant's by themselves.
pub struct SourceRates([Rates<(TenantId, Network)>; Source::NETWORKS]);

impl SourceRates {
    pub fn new(clock: &Arc<dyn Clock>) -> Self {
        Self(std::array::from_fn(|_| Rates::new(Arc::clone(clock))))
    }

    /// One more from there. The narrowest network is asked first: whoever is held there takes nothing from his neighbours.
    ///
    /// # Errors
    /// As [`Rates::admit`].
    pub fn admit(&self, tenant: TenantId, source: Source, rate: Rate) -> Result<(), u64> {
        self.0.iter().zip(source.networks()).try_for_each(|(rates, network)| {
            let rate = Rate { most: rate.most.saturating_mul(network.times), ..rate };
            rates.admit((tenant, network), rate)
        })
    }
}

/// The clock that everything else here goes by.
#[derive(Clone)]
struct Time(Arc<dyn Clock>);

impl governor::clock::Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.now().millis()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use chancery_core::Timestamp;

    use super::*;

    const RATE: Rate = Rate { most: 2, per: Duration::from_hours(1) };

    struct Still;
    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1_764_000_000)
        }
    }

    fn clock() -> Arc<dyn Clock> {
        Arc::new(Still)
    }

    #[test]
    fn each_has_its_own_count_and_is_told_how_long_to_wait() {
        let rates = Rates::new(clock());
        assert!(rates.admit("a", RATE).is_ok() && rates.admit("a", RATE).is_ok());
        assert_eq!(rates.admit("a", RATE), Err(1801));
        assert!(rates.admit("b", RATE).is_ok());
        assert!((0..100).all(|_| rates.admit("c", Rate { most: 0, ..RATE }).is_ok()), "none is no limit");
    }

    #[test]
    fn whoever_moves_about_in_a_wide_network_is_held_by_it() {
        let rates = SourceRates::new(&clock());
        let tenant = "ten_00000000000000000000000000000001".parse().expect("an id");
        let from = |site: u32, house: u32, network: u32| {
            let address = format!("2001:db8:{site:x}:{:x}::1", house << 8 | network);
            rates.admit(tenant, Source::new(address.parse().expect("an address")), RATE).is_ok()
        };
        assert_eq!((0..256).filter(|network| from(0, 0, *network)).count(), 8, "a /56 has what four /64 have");
        assert!((0..50).all(|_| !from(0, 0, 0)), "and who is held takes nothing from");
        assert_eq!((1..256).filter(|house| from(0, *house, 0)).count(), 24, "the rest of the /48");
        assert!(from(1, 0, 0), "another's");
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let rates = Rates::new(clock());
        for number in 0..10 * MOST {
            let _ = rates.admit(number, RATE);
        }
        assert!(rates.known.len() <= MOST, "{}", rates.known.len());
    }
}

//! How often a source may register (DR-05): a stranger fills neither the table nor the log. Nothing is written for it, so each node has
//! its own count.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chancery_core::oauth::Code;
use chancery_core::{Clock, Source, TenantId};
use chancery_registry::{Quotas, Tenant};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use quick_cache::sync::Cache;

use crate::refusal::Refused;

/// Sources beyond these push the oldest out, so that many cost no more memory than this. Who has so many is held by the tenant's own
/// limit.
const MOST_SOURCES: usize = 16_384;

type Limiter = RateLimiter<NotKeyed, InMemoryState, Time, NoOpMiddleware<Duration>>;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    network: IpAddr,
    /// A tenant that changes its quota begins anew.
    quota: (u32, Duration),
}

/// Counts registrations by source.
pub(crate) struct Registrations {
    sources: Cache<Key, Arc<Limiter>>,
    time: Time,
}

impl Registrations {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { sources: Cache::new(MOST_SOURCES), time: Time(clock) }
    }

    /// One more registration from there, unless there were too many.
    pub fn admit(&self, tenant: &Tenant, source: Source) -> Result<(), Refused> {
        let Quotas { per_source, per, .. } = tenant.registration.quotas;
        let Some(most) = NonZeroU32::new(per_source) else { return Ok(()) };
        let Some(quota) = Quota::with_period(per / per_source).map(|quota| quota.allow_burst(most)) else { return Ok(()) };
        let key = Key { tenant: tenant.id, network: source.network(), quota: (per_source, per) };
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::new(Limiter::direct_with_clock(quota, self.time.clone())));
        let Ok(limiter) = self.sources.get_or_insert_with(&key, fresh);
        limiter.check().map_err(|until| {
            let wait = until.wait_time_from(governor::clock::Clock::now(&self.time)).as_secs() + 1;
            let description = "too many clients were registered from your network; try again later, or ask who runs this server";
            Refused::new(Code::TemporarilyUnavailable, description).too_often(wait).by_row("DR-05")
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

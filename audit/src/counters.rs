//! Refusals of nobody in particular: garbage, expired, foreign or tampered tokens, unknown clients. They are counted in memory, and
//! the counts go into the tenant's log on a schedule, so a stranger makes numbers grow, not tables.

use std::collections::HashMap;

use chancery_core::{Entropy, Event, Field, Kind, TenantId, Timestamp};

use crate::{Draft, Journal, Tally};

/// Tenants × refusals that are told apart. What comes after is counted under [`OTHERS`] of its tenant.
const DISTINCT: usize = 4096;

const OTHERS: Counter = Counter { endpoint: "any", reason: "others", row: "" };

/// What is counted. The three are our own words, never a peer's, so there are only as many as the code has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Counter {
    pub endpoint: &'static str,
    pub reason: &'static str,
    /// The conformance row that refused, such as `AT-01`.
    pub row: &'static str,
}

/// Proof that a refusal was counted; only [`Counters::count`] makes one.
///
/// ```
/// # fn count(counters: &chancery_audit::Counters, refusal: chancery_audit::Counter) -> chancery_audit::Counted {
/// counters.count(None, refusal)
/// # }
/// ```
/// ```compile_fail,E0423
/// # fn forge() -> chancery_audit::Counted {
/// chancery_audit::Counted(())
/// # }
/// ```
pub struct Counted(());

/// The counts since the last summary, shared by all endpoints of a node.
#[derive(Clone)]
pub struct Counters {
    counts: Tally<(Option<TenantId>, Counter)>,
    totals: Tally<Counter>,
}

impl Default for Counters {
    fn default() -> Self {
        Self { counts: Tally::new(DISTINCT, |(tenant, _)| (tenant, OTHERS)), totals: Tally::new(DISTINCT, |_| OTHERS) }
    }
}

impl Counters {
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one refusal. `tenant` is a tenant that exists, or none where the request named none.
    pub fn count(&self, tenant: Option<TenantId>, refusal: Counter) -> Counted {
        self.counts.add((tenant, refusal), 1);
        self.totals.add(refusal, 1);
        Counted(())
    }

    /// What this node has counted since it was started, of all tenants together.
    pub fn totals(&self) -> HashMap<Counter, u64> {
        self.totals.so_far()
    }

    /// Drains the counts into one event per tenant and refusal, and what concerns no tenant into the node's own log. Counts that could
    /// not be written are kept for the next time; returns how many tenants those were.
    pub async fn summarise(&self, journal: &Journal, now: Timestamp) -> usize {
        let mut tenants: HashMap<TenantId, Vec<(Counter, u64)>> = HashMap::new();
        for ((tenant, refusal), count) in self.counts.take() {
            match tenant {
                Some(tenant) => tenants.entry(tenant).or_default().push((refusal, count)),
                None => tracing::info!(endpoint = refusal.endpoint, reason = refusal.reason, row = refusal.row, count, "refusals"),
            }
        }
        let mut kept = 0;
        for (tenant, refusals) in tenants {
            let mut draft = Draft::default();
            draft.events.extend(refusals.iter().map(|refusal| summary(tenant, *refusal, now, journal)));
            if let Err(error) = journal.commit(&tenant, draft).await {
                tracing::warn!(%tenant, %error, "refusals could not be summarised; they are kept for the next summary");
                refusals.into_iter().for_each(|(refusal, count)| self.counts.add((Some(tenant), refusal), count));
                kept += 1;
            }
        }
        kept
    }
}

fn summary(tenant: TenantId, (refusal, count): (Counter, u64), now: Timestamp, journal: &Journal) -> Event {
    Event::new(Kind::RefusalsCounted, tenant, now, &mut Entropy::draw(journal.rng()))
        .with(Field::Endpoint, refusal.endpoint)
        .with(Field::Reason, refusal.reason)
        .with_some(Field::Row, (!refusal.row.is_empty()).then_some(refusal.row))
        .with(Field::Count, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRED: Counter = Counter { endpoint: "gateway", reason: "expired_token", row: "AT-01" };

    fn tenant(number: u64) -> TenantId {
        format!("ten_{number:032x}").parse().expect("an id")
    }

    #[test]
    fn a_stranger_makes_a_number_grow_and_nothing_else() {
        let counters = Counters::new();
        for _ in 0..10_000 {
            counters.count(Some(tenant(1)), EXPIRED);
            counters.count(None, EXPIRED);
        }
        assert_eq!(counters.counts.take(), HashMap::from([((Some(tenant(1)), EXPIRED), 10_000), ((None, EXPIRED), 10_000)]));
    }

    #[test]
    fn beyond_the_bound_a_tenant_has_one_number_for_the_rest() {
        let counters = Counters::new();
        let distinct = DISTINCT as u64;
        for number in 0..distinct {
            counters.count(Some(tenant(number)), EXPIRED);
        }
        let other = Counter { endpoint: "token", ..EXPIRED };
        counters.count(Some(tenant(0)), other);
        counters.count(Some(tenant(0)), EXPIRED);
        let counts = counters.counts.take();
        assert_eq!(counts[&(Some(tenant(0)), OTHERS)], 1);
        assert_eq!(counts[&(Some(tenant(0)), EXPIRED)], 2);
        assert!(!counts.contains_key(&(Some(tenant(0)), other)));
    }
}

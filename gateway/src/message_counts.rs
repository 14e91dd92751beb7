//! Messages that are no events: counted in memory per caller and method, and the counts written down on a schedule.

use std::collections::HashMap;

use chancery_audit::Tally;
use chancery_core::{Caller, ClientId, Entropy, Event, Field, Kind, ResourceUrl, Rng, TenantId, Timestamp};

/// Callers × methods that are told apart between two summaries. What comes after is counted for its tenant as a whole.
const DISTINCT: usize = 16_384;
/// How many counts go into one Unit.
const AT_ONCE: usize = 256;

/// Proof that a message was counted; only [`MessageCounts::count`] makes one.
pub struct Tallied(());

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    /// `None` for those that were one too many.
    caller: Option<(String, ClientId, ResourceUrl)>,
    method: &'static str,
}

/// The counts since the last summary.
#[derive(Clone)]
pub struct MessageCounts {
    counts: Tally<Key>,
}

impl Default for MessageCounts {
    fn default() -> Self {
        Self { counts: Tally::new(DISTINCT, |key| Key { caller: None, ..key }) }
    }
}

/// Counts of one tenant that were taken out: to be written, or given back.
pub struct Drained {
    pub tenant: TenantId,
    counts: Vec<(Key, u64)>,
}

impl MessageCounts {
    pub fn count(&self, caller: &Caller, resource: &ResourceUrl, method: &'static str) -> Tallied {
        let who = (caller.subject.clone(), caller.client.clone(), resource.clone());
        self.counts.add(Key { tenant: caller.tenant, caller: Some(who), method }, 1);
        Tallied(())
    }

    pub fn drain(&self) -> Vec<Drained> {
        let mut tenants: HashMap<TenantId, Vec<(Key, u64)>> = HashMap::new();
        for (key, count) in self.counts.take() {
            tenants.entry(key.tenant).or_default().push((key, count));
        }
        let in_pieces = |(tenant, counts): (TenantId, Vec<(Key, u64)>)| {
            counts.chunks(AT_ONCE).map(|piece| Drained { tenant, counts: piece.to_vec() }).collect::<Vec<_>>()
        };
        tenants.into_iter().flat_map(in_pieces).collect()
    }

    pub fn restore(&self, drained: Drained) {
        drained.counts.into_iter().for_each(|(key, count)| self.counts.add(key, count));
    }
}

impl Drained {
    pub fn events(&self, now: Timestamp, rng: &dyn Rng) -> Vec<Event> {
        self.counts.iter().map(|(key, count)| summary(key, *count, now, &mut Entropy::draw(rng))).collect()
    }
}

fn summary(key: &Key, count: u64, now: Timestamp, entropy: &mut Entropy) -> Event {
    let event = Event::new(Kind::CallsCounted, key.tenant, now, entropy).with(Field::Method, key.method).with(Field::Count, count);
    match &key.caller {
        Some((subject, client, resource)) => {
            event.with(Field::Subject, subject).with(Field::Client, client).with(Field::Resource, resource)
        }
        None => event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{caller, resource_url};

    struct Zero;

    impl Rng for Zero {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn messages_are_counted_per_caller_and_method_and_given_back_when_they_could_not_be_written() {
        let (messages, url) = (MessageCounts::default(), resource_url());
        for method in ["ping", "ping", "tools/list"] {
            messages.count(&caller("usr_1", "bank:read"), &url, method);
        }
        messages.count(&caller("usr_2", "bank:read"), &url, "ping");

        let drained = messages.drain();
        assert_eq!(drained.len(), 1);
        assert!(messages.drain().is_empty());
        drained.into_iter().for_each(|drained| messages.restore(drained));

        let events: Vec<_> = messages.drain().iter().flat_map(|drained| drained.events(Timestamp::from_millis(1), &Zero)).collect();
        let mut counts: Vec<_> =
            events.iter().map(|event| (event.field(Field::Subject), event.field(Field::Method), event.field(Field::Count))).collect();
        counts.sort_unstable();
        let expected = [("usr_1", "ping", "2"), ("usr_1", "tools/list", "1"), ("usr_2", "ping", "1")];
        assert_eq!(counts, expected.map(|(subject, method, count)| (Some(subject), Some(method), Some(count))));
    }

    #[test]
    fn strangers_to_the_table_are_counted_together() {
        let (messages, url) = (MessageCounts::default(), resource_url());
        for at in 0..DISTINCT + 5 {
            messages.count(&caller(&format!("usr_{at}"), ""), &url, "ping");
        }
        let events: Vec<_> = messages.drain().iter().flat_map(|drained| drained.events(Timestamp::from_millis(1), &Zero)).collect();
        assert_eq!(events.len(), DISTINCT + 1);
        let together = events.iter().find(|event| event.field(Field::Subject).is_none()).expect("one for the rest");
        assert_eq!(together.field(Field::Count), Some("5"));
    }
}

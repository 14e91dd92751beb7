//! The set of what was ended while tokens of it may still be alive. A node holds all of it in memory: a check reads no store.
//!
//! The ends of a grant and of one token are absolute: nothing of that id comes again. So is that of a key: whoever stole it writes any
//! `iat`. Any other end refuses the tokens issued up to it, rounded up to the second that `iat` counts in, so what is issued to a subject
//! who came back is good.
//!
//! `iat` is by the clock of the node that issued, which may be ahead of the ending one's. So the end of a subject, client or agent is that of
//! each of its grants too, by id; and where the id never comes back, its end lies as far ahead as clocks may be apart. What lives on until
//! its `exp` is only what such a node issued, just before, to a client or agent as itself that was revoked and stays in the file.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chancery_core::{Actor, TenantId, Timestamp};
use chancery_registry::config::FeedConfig;
use chancery_store::{Store, StoreError, Topic, feed, repo};

use crate::end::{self, End, EndedKind, forgotten_at};
use crate::{Followed, VerifiedToken};

/// Shared by all endpoints of a node.
#[derive(Clone, Default)]
pub struct Ended {
    set: Arc<Set>,
    followed: Followed,
}

#[derive(Default)]
struct Set {
    /// Moves with every end that is new, after it is in. Whoever checked at the current epoch need not check again.
    epoch: AtomicU64,
    tenants: RwLock<HashMap<TenantId, Ends>>,
}

/// A tenant's ends: what, which, and when it was last ended.
#[derive(Default)]
struct Ends {
    known: HashMap<EndedKind, HashMap<String, Known>>,
    forgotten: Forgotten,
}

struct Known {
    at: Timestamp,
    /// The epoch that began with it.
    epoch: u64,
}

/// What was forgotten concerns tokens that had run out by then, and of these whose streams had not looked since it came: streams outlive
/// tokens. Nobody can say any more which of them it was that ended, so none goes on.
struct Forgotten {
    by: Timestamp,
    /// The last that began with such an end.
    epoch: u64,
}

impl Default for Forgotten {
    fn default() -> Self {
        Self { by: Timestamp::from_millis(i64::MIN), epoch: 0 }
    }
}

impl Ended {
    /// Everything whose tokens may still be alive; a node is not ready before. The feed must be followed from before this is called.
    pub async fn load(store: &Store, feed: FeedConfig, now: Timestamp) -> Result<Self, StoreError> {
        let ended = Self { set: Arc::default(), followed: Followed::new(feed) };
        ended.read(store, now).await?;
        Ok(ended)
    }

    async fn read(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        repo::ended::unexpired(store, now).await?.into_iter().for_each(|end| self.apply(end));
        Ok(())
    }

    /// What was ended of a tenant's, when the feed tells that it was more than it says (`Topic::ManyEnded`): by one read, however many
    /// entries told so.
    pub async fn read_many<'a>(&self, store: &Store, tenant: &TenantId, told: impl Iterator<Item = &'a str>) -> Result<(), StoreError> {
        // Whatever cannot be read means that all must be.
        let since = told.map(|until| until.parse().unwrap_or(i64::MIN)).min().unwrap_or(i64::MIN);
        let ends = repo::ended::since(store, tenant, Timestamp::from_millis(since)).await?;
        ends.into_iter().for_each(|end| self.apply(end));
        Ok(())
    }

    /// Adds what the feed tells of. To hear of it twice is harmless.
    pub fn heard(&self, entries: &[feed::Entry]) {
        for entry in entries.iter().filter(|entry| entry.topic == Topic::Ended) {
            match end::from_text(&entry.tenant, &entry.key) {
                Some(end) => self.apply(end),
                None => tracing::error!(
                    tenant = %entry.tenant, seq = entry.seq,
                    "an end in the feed is of a kind that this version does not know, so its tokens live on here: update this node"
                ),
            }
        }
    }

    /// Adds an end. To add it twice is harmless.
    pub fn apply(&self, end: End) {
        let mut tenants = self.set.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let next = self.epoch() + 1; // it moves under this lock alone
        if tenants.entry(end.tenant).or_default().add(end, next) {
            self.set.epoch.store(next, Ordering::Release);
        }
    }

    /// As of when the set is whole.
    pub const fn followed(&self) -> &Followed {
        &self.followed
    }

    pub fn epoch(&self) -> u64 {
        self.set.epoch.load(Ordering::Acquire)
    }

    /// Whether something behind the token was ended.
    pub fn refuses(&self, token: &VerifiedToken) -> bool {
        let tenants = self.set.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(token.tenant()).is_some_and(|ends| ends.concern(token))
    }

    /// Forgets the ends that no living token can concern. What they mean for streams that have not looked since is kept.
    pub fn prune(&self, now: Timestamp) {
        let mut tenants = self.set.tenants.write().unwrap_or_else(PoisonError::into_inner);
        for ends in tenants.values_mut() {
            ends.prune(now);
        }
    }
}

impl Ends {
    /// Whether it was news.
    fn add(&mut self, end: End, epoch: u64) -> bool {
        let never = Known { at: Timestamp::from_millis(i64::MIN), epoch: 0 };
        let known = self.known.entry(end.kind).or_default().entry(end.key).or_insert(never);
        let news = known.at < end.at;
        if news {
            *known = Known { at: end.at, epoch };
        }
        news
    }

    fn prune(&mut self, now: Timestamp) {
        let Self { known, forgotten } = self;
        for (_, gone) in known.values_mut().flat_map(|ends| ends.extract_if(|_, end| forgotten_at(end.at) <= now)) {
            *forgotten = Forgotten { by: now, epoch: forgotten.epoch.max(gone.epoch) };
        }
    }

    fn concern(&self, token: &VerifiedToken) -> bool {
        let claims = token.claims();
        let up_to = |kind, key: &str| self.at(kind, key).is_some_and(|at| claims.iat <= at.seconds_up());
        self.forgotten.may_concern(token)
            || claims.grants.iter().any(|grant| self.at(EndedKind::Grant, &grant.to_string()).is_some())
            || self.at(EndedKind::Token, &claims.jti.to_string()).is_some()
            || self.at(EndedKind::Key, &token.key().to_string()).is_some()
            || up_to(EndedKind::Subject, &claims.sub)
            || up_to(EndedKind::Client, claims.client_id.as_str())
            || claims.agent.is_some_and(|agent| up_to(EndedKind::Agent, &agent.to_string()))
            || actors(claims.act.as_ref()).any(|actor| up_to(EndedKind::Agent, &actor.sub))
            || up_to(EndedKind::Tenant, &token.tenant().to_string())
    }

    fn at(&self, kind: EndedKind, key: &str) -> Option<Timestamp> {
        Some(self.known.get(&kind)?.get(key)?.at)
    }
}

impl Forgotten {
    fn may_concern(&self, token: &VerifiedToken) -> bool {
        Timestamp::from_seconds(token.claims().exp) <= self.by && token.alive_at() < self.epoch
    }
}

/// The chain, the current actor first.
fn actors(outermost: Option<&Actor>) -> impl Iterator<Item = &Actor> {
    std::iter::successors(outermost, |actor| actor.act.as_deref())
}

#[cfg(test)]
mod tests;

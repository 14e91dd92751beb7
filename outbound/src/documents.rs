//! The cache of fetched documents. One fetch at a time for each address, however many wait for it; failures are remembered briefly,
//! so that a provider that is down is not asked by every request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use chancery_core::Timestamp;
use http::StatusCode;
use quick_cache::sync::Cache;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::fetcher::without_query;
use crate::{FetchError, FetchTrouble, Fetched, Fetcher, Purpose};

/// How many addresses are remembered, unless a cache is made for fewer.
const MOST: usize = 1024;
/// What the provider's own `max-age` is held between, and what stands for it where there is none.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const UNTOLD: Duration = Duration::from_secs(600);
/// How long a failure is believed.
const FAILURE: Duration = Duration::from_secs(5);
/// How much longer than it said a copy is good, where none may be fetched in its place just now.
const SPARE: Duration = Duration::from_secs(3600);
/// Above so many addresses that are asked for and not remembered, the forgotten ones are swept out.
const SWEEP_AT: usize = 256;
/// A copy younger than this is as good as a new one, even to who expects something new in it.
const FRESH: Duration = Duration::from_secs(30);

type Outcome = Result<Arc<Fetched>, FetchError>;
type Address = (Purpose, String);

/// Documents by purpose and address. Cheap to clone.
#[derive(Clone)]
pub struct Documents {
    fetcher: Fetcher,
    slots: Arc<Cache<Address, Arc<Slot>>>,
    /// Those that are asked for and were not admitted yet: they push nothing out (CI-11).
    asked: Arc<StdMutex<HashMap<Address, Weak<Slot>>>>,
}

/// One address: what is known, and whose turn it is to find out.
#[derive(Default)]
struct Slot {
    known: RwLock<Option<Known>>,
    turn: Mutex<()>,
}

#[derive(Clone)]
struct Known {
    outcome: Outcome,
    /// When it was asked for.
    at: Timestamp,
    /// When it was there: a wait for the turn and a whole fetch later.
    learned: Timestamp,
    until: Timestamp,
    /// It turned out to be of no use.
    is_spoilt: bool,
    /// How the last try to have a newer one failed, and until when that is believed.
    failed: Option<(FetchError, Timestamp)>,
}

impl Documents {
    pub fn new(fetcher: Fetcher) -> Self {
        Self::holding(MOST, fetcher)
    }

    /// A cache of its own for so many addresses: what fills it pushes nothing out of another.
    pub fn holding(most: usize, fetcher: Fetcher) -> Self {
        Self { fetcher, slots: Arc::new(Cache::new(most)), asked: Arc::default() }
    }

    /// The document at `url`, fetched if there is no copy that still holds.
    ///
    /// # Errors
    /// [`FetchError`], also for every status but 200.
    pub async fn get(&self, purpose: Purpose, url: &str, now: Timestamp) -> Outcome {
        self.found((purpose, url), now, |known| known.held(now), || Ok(())).await
    }

    /// As [`Documents::get`], where it depends on `admit` whether anything is fetched: it is asked only if there is no copy that holds, by
    /// the one whose turn it is, and what it gives is held until the fetch is done. Its refusal is not remembered; where there was a good copy
    /// within the hour before, that one is had instead.
    ///
    /// # Errors
    /// As [`Documents::get`], and what `admit` says.
    pub async fn get_if<P>(&self, purpose: Purpose, url: &str, now: Timestamp, admit: impl FnOnce() -> Result<P, FetchTrouble>) -> Outcome {
        self.found((purpose, url), now, |known| known.held(now), admit).await
    }

    /// This copy is of no use: it is believed no longer than a failure would have been (CI-03). A newer one is left as it is.
    pub fn spoil(&self, purpose: Purpose, url: &str, copy: &Arc<Fetched>) {
        if let Some(slot) = self.slots.get(&(purpose, url.to_owned())) {
            slot.spoil(copy);
        }
    }

    /// As [`Documents::get`], for who knows that the copy lacks something, such as a key: it is fetched again unless it is younger
    /// than 30 seconds, so a stranger with an unknown `kid` cannot make us fetch at will (AT-01). Where that fails, only who asked for it
    /// hears so: the copy goes on for everybody else.
    ///
    /// # Errors
    /// As [`Documents::get`].
    pub async fn get_fresh(&self, purpose: Purpose, url: &str, now: Timestamp) -> Outcome {
        self.found((purpose, url), now, |known| known.fresh(now), || Ok(())).await
    }

    async fn found<P>(
        &self,
        (purpose, url): (Purpose, &str),
        now: Timestamp,
        good: impl Fn(&Known) -> Option<Outcome>,
        admit: impl FnOnce() -> Result<P, FetchTrouble>,
    ) -> Outcome {
        let (address, began) = ((purpose, url.to_owned()), Instant::now());
        let slot = self.slot(&address);
        if let Some(outcome) = slot.known().as_ref().and_then(&good) {
            return outcome;
        }
        let _turn = slot.turn.lock().await;
        let known = slot.known();
        if let Some(outcome) = known.as_ref().and_then(&good) {
            return outcome; // whoever had the turn before us found it
        }
        let spare = known.filter(|known| known.is_spare(now));
        let _admitted = match (admit(), &spare) {
            (Ok(admitted), _) => admitted,
            (Err(_), Some(spare)) => return spare.outcome.clone(), // CI-11
            (Err(trouble), None) => return Err(FetchError { address: without_query(url), trouble }),
        };
        let outcome = self.fetch(purpose, url).await;
        if matches!(&outcome, Err(FetchError { trouble: FetchTrouble::Crowded(_), .. })) {
            return spare.map_or(outcome, |spare| spare.outcome); // it says nothing about this address; CI-11
        }
        slot.learn(&outcome, now, now + began.elapsed());
        self.remember(address, &slot);
        outcome
    }

    async fn fetch(&self, purpose: Purpose, url: &str) -> Outcome {
        let fetched = self.fetcher.get(purpose, url).await?;
        if fetched.status == StatusCode::OK {
            return Ok(Arc::new(fetched));
        }
        Err(FetchError { address: without_query(url), trouble: FetchTrouble::Status(fetched.status) })
    }

    /// What is remembered of an address, or else what all who ask for it now share.
    fn slot(&self, address: &Address) -> Arc<Slot> {
        let mut asked = self.asked();
        if let Some(slot) = self.slots.get(address) {
            return slot;
        }
        if asked.len() >= SWEEP_AT {
            asked.retain(|_, slot| slot.strong_count() > 0);
        }
        let known = asked.entry(address.clone()).or_default();
        known.upgrade().unwrap_or_else(|| {
            let new = Arc::default();
            *known = Arc::downgrade(&new);
            new
        })
    }

    /// While it was fetched it may have been pushed out, and fetched once more by others: what was asked for later stays.
    fn remember(&self, address: Address, slot: &Arc<Slot>) {
        let mut asked = self.asked();
        asked.remove(&address);
        if self.slots.get(&address).is_none_or(|present| present.asked_at() < slot.asked_at()) {
            self.slots.insert(address, slot.clone());
        }
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<Address, Weak<Slot>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn held(&self, now: Timestamp) -> Option<Outcome> {
        if now < self.until { Some(self.outcome.clone()) } else { self.failure(now) }
    }

    fn failure(&self, now: Timestamp) -> Option<Outcome> {
        let failed = self.failed.as_ref().filter(|(_, until)| now < *until);
        failed.map(|(error, _)| Err(error.clone()))
    }

    fn fresh(&self, now: Timestamp) -> Option<Outcome> {
        self.failure(now).or_else(|| self.held(now).filter(|_| now < self.at + FRESH))
    }

    fn is_spare(&self, now: Timestamp) -> bool {
        self.outcome.is_ok() && !self.is_spoilt && now < self.until + SPARE
    }
}

impl Slot {
    fn known(&self) -> Option<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn asked_at(&self) -> Option<Timestamp> {
        self.known().map(|known| known.at)
    }

    fn spoil(&self, copy: &Arc<Fetched>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&mut Known| known.outcome.as_ref().is_ok_and(|present| Arc::ptr_eq(present, copy));
        if let Some(known) = known.as_mut().filter(same) {
            (known.until, known.is_spoilt) = (known.until.min(known.learned + FAILURE), true);
        }
    }

    /// A success counts from when it was asked for, so that it is never held for newer than it is; a failure from when it was learned, so
    /// that one that took its time is believed at all.
    fn learn(&self, outcome: &Outcome, at: Timestamp, learned: Timestamp) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match (outcome, known.as_mut().filter(|known| known.is_spare(at))) {
            (Err(error), Some(known)) if !is_gone(error) => known.failed = Some((error.clone(), learned + FAILURE)), // AT-01, CI-11
            _ => {
                let until = outcome.as_ref().map_or(learned + FAILURE, |fetched| at + lifetime(fetched));
                *known = Some(Known { outcome: outcome.clone(), at, learned, until, is_spoilt: false, failed: None });
            }
        }
    }
}

/// Whoever answers there took it away: no copy is good any longer.
fn is_gone(error: &FetchError) -> bool {
    matches!(error.trouble, FetchTrouble::Status(StatusCode::NOT_FOUND | StatusCode::GONE))
}

fn lifetime(fetched: &Fetched) -> Duration {
    fetched.max_age.unwrap_or(UNTOLD).clamp(SHORTEST, LONGEST)
}

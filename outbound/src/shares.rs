//! How many fetches there may be at once, by purpose: at one host, where the next waits its turn, and in all, where it is refused at once.
//! So a slow host keeps nobody waiting but those who ask for it, and no number of hosts takes every socket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::purpose::Limits;
use crate::{FetchTrouble, Purpose};

/// Above so many hosts the forgotten ones are swept out.
const SWEEP_AT: usize = 256;

#[derive(Default)]
pub(crate) struct Shares {
    in_all: Mutex<HashMap<Purpose, Arc<Semaphore>>>,
    at_host: Mutex<HashMap<(Purpose, String), Weak<Semaphore>>>,
}

/// A place, as long as it is held.
pub(crate) struct Share {
    _at_host: OwnedSemaphorePermit,
    _in_all: OwnedSemaphorePermit,
}

impl Shares {
    /// Waits for a place at the host. Who waits holds no place among all.
    pub(crate) async fn take(&self, purpose: Purpose, limits: &Limits, host: &str) -> Result<Share, FetchTrouble> {
        let crowded = FetchTrouble::Crowded(limits.in_all);
        let at_host = self.at_host(purpose, limits, host).acquire_owned().await.map_err(|_| crowded.clone())?;
        let in_all = self.in_all(purpose, limits).try_acquire_owned().map_err(|_| crowded)?;
        Ok(Share { _at_host: at_host, _in_all: in_all })
    }

    fn in_all(&self, purpose: Purpose, limits: &Limits) -> Arc<Semaphore> {
        let mut all = self.in_all.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(purpose).or_insert_with(|| Arc::new(Semaphore::new(limits.in_all))))
    }

    /// A host is remembered while somebody waits or fetches there.
    fn at_host(&self, purpose: Purpose, limits: &Limits, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.at_host.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= SWEEP_AT {
            hosts.retain(|_, known| known.strong_count() > 0);
        }
        let known = hosts.entry((purpose, host.to_owned())).or_default();
        known.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Semaphore::new(limits.at_host));
            *known = Arc::downgrade(&new);
            new
        })
    }
}

//! Close events on their way to the log. Nobody waits for one, so those that come while others are being written share the next Unit.
//!
//! A close has nobody to tell that it failed, so it is tried until it is written, or until the node stops and the last tries fail too.
//! As many wait as calls were under way: while the log cannot be written no other call is opened.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_audit::{CommitError, Draft};
use chancery_core::{Event, TenantId};
use tokio::runtime::Handle;

use super::Recorder;

/// Between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often it is tried while the node stops.
const LAST_TRIES: u32 = 3;
/// What one Unit holds of them: it keeps its neighbours waiting.
const MOST_TOGETHER: usize = 64;

/// What waits to be written: of each tenant for which somebody writes. Cloning shares it.
#[derive(Clone, Default)]
pub struct Closes(Arc<Mutex<HashMap<TenantId, Vec<Event>>>>);

impl Closes {
    pub(super) fn write(&self, recorder: &Recorder, tenant: TenantId, events: Vec<Event>) {
        let Ok(runtime) = Handle::try_current() else {
            return tracing::error!("a call could not be closed in the audit log: the process is ending");
        };
        match self.waiting().entry(tenant) {
            Entry::Occupied(mut waiting) => waiting.get_mut().extend(events),
            Entry::Vacant(nobody) => {
                nobody.insert(events);
                let (all, recorder) = (self.clone(), recorder.clone());
                recorder.writing.clone().spawn_on(async move { all.written(&recorder, tenant).await }, &runtime);
            }
        }
    }

    /// Until none of the tenant's waits.
    async fn written(&self, recorder: &Recorder, tenant: TenantId) {
        while let Some(events) = self.next(tenant) {
            persistently(recorder, tenant, events).await;
        }
    }

    fn next(&self, tenant: TenantId) -> Option<Vec<Event>> {
        let mut all = self.waiting();
        let waiting = all.get_mut(&tenant)?;
        if waiting.is_empty() {
            all.remove(&tenant);
            return None;
        }
        let later = waiting.split_off(waiting.len().min(MOST_TOGETHER));
        Some(std::mem::replace(waiting, later))
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<Event>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn persistently(recorder: &Recorder, tenant: TenantId, events: Vec<Event>) {
    let (mut pause, mut last_tries) = (FIRST_PAUSE, LAST_TRIES);
    while let Err(error) = recorder.journal.commit(&tenant, Draft { events: events.clone(), ..Draft::default() }).await {
        if matches!(error, CommitError::GuardFailed(_)) {
            return; // there are events of these ids: a try whose answer was lost had written them
        }
        if recorder.writing.is_closed() {
            last_tries -= 1;
            if last_tries == 0 {
                return tracing::error!(%tenant, %error, "calls could not be closed in the audit log; their outcome reads unknown");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 4).min(LONGEST_PAUSE);
    }
}

//! Sessions (MCP 2025-11-25, transports): an id that cannot be guessed, and whose it is (MC-07).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Abandoned ones make room for new ones.
const MOST: usize = 1000;

#[derive(Default)]
pub struct Sessions(Mutex<All>);

#[derive(Default)]
struct All {
    by_id: HashMap<String, Session>,
    made: u64,
}

struct Session {
    subject: String,
    number: u64,
    /// Dropped with the session: whoever listens hears that it has ended.
    end: watch::Sender<()>,
}

impl Sessions {
    pub fn begin(&self, id: String, subject: String) {
        let mut all = self.lock();
        if all.by_id.len() >= MOST
            && let Some(oldest) = all.by_id.iter().min_by_key(|(_, session)| session.number).map(|(id, _)| id.clone())
        {
            all.by_id.remove(&oldest);
        }
        all.made += 1;
        let number = all.made;
        all.by_id.insert(id, Session { subject, number, end: watch::Sender::new(()) });
    }

    /// A listener for the session's end, if there is such a session and it is this subject's.
    pub fn find(&self, id: &str, subject: &str) -> Option<watch::Receiver<()>> {
        self.lock().by_id.get(id).filter(|session| session.subject == subject).map(|session| session.end.subscribe())
    }

    pub fn end(&self, id: &str) {
        self.lock().by_id.remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

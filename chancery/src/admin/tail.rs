//! Following the log. Ids lie in the order in which events were made, and a slow commit brings one in behind others that were seen
//! already; so each look starts a while back and leaves out what was shown.

use std::collections::BTreeMap;
use std::time::Duration;

use chancery_audit::Entry;
use chancery_core::{EventId, Timestamp};

use super::Administration;
use super::message::Tail;
use crate::exit::Failure;

/// How far back each look starts: as far as the feed's readers do, since it is longer than any commit may take.
const OVERLAP: Duration = chancery_store::feed::OVERLAP;
/// How many events are read at once.
const PAGE: u32 = 500;

/// A log that is being followed.
pub struct Following {
    asked: Tail,
    /// What was shown, as far back as a look may start, and when it happened.
    shown: BTreeMap<EventId, Timestamp>,
    /// Every event up to this one was shown, or lies before all that was asked for.
    settled: Option<EventId>,
    begun: bool,
}

impl Following {
    pub const fn new(asked: Tail) -> Self {
        let settled = asked.after;
        Self { asked, shown: BTreeMap::new(), settled, begun: false }
    }

    /// What has come since the last look; at the first, what was asked for.
    pub async fn look(&mut self, administration: &Administration) -> Result<Vec<Entry>, Failure> {
        let entries = if self.begun { self.newer(administration).await? } else { administration.tail(&self.asked).await? };
        if !std::mem::replace(&mut self.begun, true) {
            self.settled = self.settled.or(entries.first().map(|entry| entry.id));
        }
        let new: Vec<Entry> = entries.into_iter().filter(|entry| self.shown.insert(entry.id, entry.at).is_none()).collect();
        self.settle();
        Ok(new)
    }

    async fn newer(&self, administration: &Administration) -> Result<Vec<Entry>, Failure> {
        let (mut entries, mut after) = (Vec::new(), self.settled);
        loop {
            let page = administration.tail(&Tail { after, limit: PAGE, ..self.asked.clone() }).await?;
            let is_last = u32::try_from(page.len()).is_ok_and(|read| read < PAGE);
            after = page.last().map(|entry| entry.id).or(after);
            entries.extend(page);
            if is_last || after.is_none() {
                return Ok(entries);
            }
        }
    }

    /// Forgets what lies further back than any look.
    fn settle(&mut self) {
        let Some((_, newest)) = self.shown.last_key_value() else { return };
        let from = *newest - OVERLAP;
        while let Some(oldest) = self.shown.first_entry().filter(|oldest| *oldest.get() < from) {
            self.settled = Some(*oldest.key());
            oldest.remove();
        }
    }
}

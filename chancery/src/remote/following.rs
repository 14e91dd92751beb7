//! The audit log over HTTP: a page, and with `follow` each new event. Ids lie in the order in which events were made, and a slow commit
//! brings one in behind others; so each look starts a while back, goes on page by page to the newest, and leaves out what was shown.

use std::collections::BTreeMap;
use std::time::Duration;

use chancery_core::EventId;
use serde_json::Value;

use super::Remote;
use crate::admin::LONGEST_PAGE;
use crate::admin::message::Tail;
use crate::exit::{Exit, Failure};

/// As far back as the feed's readers look.
const OVERLAP: i64 = chancery_store::feed::OVERLAP.as_millis() as i64;
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

impl Remote {
    /// Shows what was asked for; with `follow`, until something fails.
    ///
    /// # Errors
    /// As [`Remote::answer`], or of whoever shows.
    pub async fn tail(&mut self, tail: &Tail, mut show: impl FnMut(&Value) -> Result<(), Failure>) -> Result<(), Failure> {
        let asked_for = self.events(tail).await?.events;
        if !tail.follow {
            return asked_for.iter().try_for_each(show);
        }
        let mut following = Following { shown: BTreeMap::new(), settled: tail.after };
        following.pass(asked_for, &mut show)?;
        loop {
            tokio::time::sleep(PAUSE).await;
            let mut after = following.settled;
            loop {
                let page = self.events(&Tail { after, limit: LONGEST_PAGE, ..tail.clone() }).await?.events;
                let is_last = u32::try_from(page.len()).is_ok_and(|read| read < LONGEST_PAGE);
                after = following.pass(page, &mut show)?;
                if is_last {
                    break;
                }
            }
        }
    }
}

/// A log that is being followed.
struct Following {
    /// What was shown, as far back as a look may start, and when it happened.
    shown: BTreeMap<EventId, i64>,
    /// Every event up to this one was shown, or lies before all that was asked for.
    settled: Option<EventId>,
}

impl Following {
    /// Shows what of a page was not shown yet, and gives its last event.
    fn pass(&mut self, page: Vec<Value>, show: &mut impl FnMut(&Value) -> Result<(), Failure>) -> Result<Option<EventId>, Failure> {
        let mut last = None;
        for mut event in page {
            let (id, at) = known_by(&event).ok_or_else(unread)?;
            if let Some(event) = event.as_object_mut() {
                event.remove("outcome"); // whoever follows is told of each end as it comes
            }
            self.settled.get_or_insert(id);
            if self.shown.insert(id, at).is_none() {
                show(&event)?;
            }
            last = Some(id);
        }
        self.settle();
        Ok(last)
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

fn known_by(event: &Value) -> Option<(EventId, i64)> {
    Some((event["id"].as_str()?.parse().ok()?, event["at"].as_i64()?))
}

fn unread() -> Failure {
    Failure::new(Exit::Server, "the server's answer cannot be read")
        .because("an event has no id, or no time")
        .remedy("is it of another version?")
}

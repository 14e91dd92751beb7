//! The audit log over HTTP: a page, and with `follow` each new event. Ids lie in the order in which events were made, and a slow commit
//! brings one in behind others; so each look starts a while back and leaves out what was shown.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::Remote;
use crate::admin::message::Tail;
use crate::exit::Failure;

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
        let (mut shown, mut asked) = (BTreeMap::<String, i64>::new(), tail.clone());
        loop {
            let mut page = self.events(&asked).await?.events;
            for event in &mut page {
                if tail.follow
                    && let Some(event) = event.as_object_mut()
                {
                    event.remove("outcome"); // whoever follows is told of each end as it comes
                }
                let (id, at) = (event["id"].as_str().unwrap_or_default(), event["at"].as_i64().unwrap_or_default());
                if shown.insert(id.to_owned(), at).is_none() {
                    show(event)?;
                }
            }
            if !tail.follow {
                return Ok(());
            }
            let newest = shown.values().copied().max().unwrap_or_default();
            while shown.len() > 1 && shown.first_entry().is_some_and(|oldest| *oldest.get() < newest - OVERLAP) {
                let Some((settled, _)) = shown.pop_first() else { break };
                asked.after = settled.parse().ok();
            }
            asked.limit = 500;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

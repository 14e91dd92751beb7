//! What a node does that hears nothing of the others: how long it may be so, and whether it believes tokens then.

use std::time::Duration;

use super::objects::up_to;
use super::problem::Complaint;
use super::reader::Section;

/// A read of the feed may be given up after two seconds and is tried again after half a one: one that fails is no loss yet, and neither is
/// a second that takes its time.
const LEAST: Duration = Duration::from_secs(5);
const MOST: u64 = 60 * 60;

/// When the change feed counts as lost, and what then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeedConfig {
    pub lost_after: Duration,
    pub then: WhenLost,
}

/// What is done with a token of which nobody knows whether it was ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenLost {
    /// It is refused for the while.
    Refuse,
    /// It is taken for good.
    Serve,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self { lost_after: Duration::from_secs(5), then: WhenLost::Refuse }
    }
}

pub(super) fn feed(section: &mut Section<'_>) -> Option<FeedConfig> {
    let default = FeedConfig::default();
    let lost_after = section.optional("lost_after", "lost_after: 5s", |cursor| cursor.parsed(lost_after));
    let then = section.optional("then", "then: refuse", |cursor| cursor.parsed(then));
    Some(FeedConfig { lost_after: lost_after?.unwrap_or(default.lost_after), then: then?.unwrap_or(default.then) })
}

fn lost_after(text: &str) -> Result<Duration, Complaint> {
    let after = up_to(MOST, text)?;
    if after < LEAST {
        let remedy = format!(
            "choose between {} and 1h: the database is asked every half second, and may be slow once",
            crate::duration::text(LEAST)
        );
        return Err(Complaint::new(format!("{text} is too short"), remedy));
    }
    Ok(after)
}

fn then(text: &str) -> Result<WhenLost, Complaint> {
    match text {
        "refuse" => Ok(WhenLost::Refuse),
        "serve" => Ok(WhenLost::Serve),
        _ => Err(Complaint::new(
            format!("`{text}` is neither `refuse` nor `serve`"),
            "write `refuse`, unless calls matter more than that what was ended is over",
        )),
    }
}

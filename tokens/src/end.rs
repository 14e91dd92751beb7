//! Ends: what voids a token before its `exp`. An end is a row, for nodes that start later, and a change in the feed, for nodes that run.

use std::time::Duration;

use chancery_core::{GrantId, TenantId, Timestamp};
use chancery_store::{Change, Topic, Write, repo};

pub use chancery_store::repo::ended::{End, EndedKind};

use crate::LONGEST_TOKEN_LIFE;

/// How far the clocks of two nodes may differ.
pub(crate) const SKEW: Duration = Duration::from_secs(60);

/// Ends a grant: its row, the end that voids its tokens and those of its children, and who must hear of it. Ending it twice is harmless.
pub fn end_of_grant(tenant: &TenantId, grant: &GrantId, reason: &str, now: Timestamp) -> (Vec<Write>, Vec<Change>) {
    let (row, change) = end_of(tenant, EndedKind::Grant, grant, now);
    (vec![repo::grants::end(tenant, grant, now, reason), row], vec![change])
}

/// Voids the tokens that were issued up to now for what bears this id. What it means for the thing's own row is for the caller.
pub fn end_of(tenant: &TenantId, kind: EndedKind, key: impl ToString, now: Timestamp) -> (Write, Change) {
    let end = End { tenant: *tenant, kind, key: key.to_string(), at: now, until: forgotten_at(now) };
    (repo::ended::put(&end), Change { topic: Topic::Ended, key: to_text(&end) })
}

/// When the last token that an end concerns has died.
pub(crate) fn forgotten_at(ended_at: Timestamp) -> Timestamp {
    ended_at + LONGEST_TOKEN_LIFE + SKEW
}

/// The feed's text says all that a running node needs, so it reads no row.
fn to_text(end: &End) -> String {
    format!("{} {} {}", end.kind.as_str(), end.at.millis(), end.key)
}

/// Reads what [`end_of`] told the feed.
pub(crate) fn from_text(tenant: &TenantId, text: &str) -> Option<End> {
    let (kind, rest) = text.split_once(' ')?;
    let (at, key) = rest.split_once(' ')?;
    let at = Timestamp::from_millis(at.parse().ok()?);
    Some(End { tenant: *tenant, kind: kind.parse().ok()?, key: key.to_owned(), at, until: forgotten_at(at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_hears_what_was_ended_as_it_was_written() {
        let tenant: TenantId = "ten_019ab697e80070008000000000000001".parse().expect("an id");
        let now = Timestamp::from_millis(1_764_000_000_123);
        for key in ["cli_1", "https://client.example/metadata with a space"] {
            let (_, change) = end_of(&tenant, EndedKind::Client, key, now);
            let end = from_text(&tenant, &change.key).expect("our own text");
            assert_eq!((change.topic, end.kind, end.key.as_str(), end.at), (Topic::Ended, EndedKind::Client, key, now));
        }
        for text in ["", "grant", "grant 1", "castle 1 x", "grant one x"] {
            assert_eq!(from_text(&tenant, text), None, "{text}");
        }
    }

    #[test]
    fn an_end_is_remembered_for_as_long_as_a_token_may_live() {
        let now = Timestamp::from_seconds(1_000);
        assert!(forgotten_at(now) >= now + LONGEST_TOKEN_LIFE + SKEW);
    }
}

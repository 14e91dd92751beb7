//! Reading the log: its newest entries, or those after one that was seen.

use std::collections::HashSet;

use chancery_core::{EventId, Field, Kind, TenantId, Timestamp};
use chancery_store::repo::events::{self, EventRow};
use chancery_store::{Store, StoreError};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::leaf;

/// One entry of the log, its values checked against its leaf.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Entry {
    pub id: EventId,
    pub kind: String,
    /// Milliseconds since 1970.
    pub at: Timestamp,
    /// Name and value, in the order of the fields' numbers.
    #[serde(serialize_with = "as_object")]
    pub fields: Vec<(String, String)>,
    /// How many fields were erased.
    #[serde(skip_serializing_if = "is_zero")]
    pub erased: usize,
    /// Where a call was opened and no close of it is in the log: it is under way, or the node that carried it has died.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// What is wrong with the entry, where somebody altered it behind our back. Its fields are not shown then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl Entry {
    pub fn field(&self, field: Field) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == field.as_str()).map(|(_, value)| value.as_str())
    }
}

/// The next `limit` entries after `after`; without it the newest `limit`. Oldest first either way. Calls that have no end in the log
/// read [`UNKNOWN`] (design §9).
pub async fn tail(store: &Store, tenant: &TenantId, after: Option<EventId>, limit: u32) -> Result<Vec<Entry>, StoreError> {
    let rows = match after {
        Some(after) => events::after(store, tenant, Some(after), limit).await?,
        None => events::newest(store, tenant, limit).await?,
    };
    let mut entries: Vec<Entry> = rows.into_iter().map(entry).collect();
    let mut open = opened(&entries);
    closed(&mut open, &entries);
    // A close is younger than its open event: where the page goes up to the newest, all closes were seen.
    let mut last = if after.is_some() && is_full(entries.len(), limit) { entries.last().map(|entry| entry.id) } else { None };
    for _ in 0..AHEAD {
        let Some(from) = last.filter(|_| !open.is_empty()) else { break };
        let page: Vec<Entry> = events::after(store, tenant, Some(from), PAGE).await?.into_iter().map(entry).collect();
        closed(&mut open, &page);
        last = if is_full(page.len(), PAGE) { page.last().map(|entry| entry.id) } else { None };
    }
    if last.is_none() {
        entries.iter_mut().filter(|entry| open.contains(entry.id.to_string().as_str())).for_each(|entry| entry.outcome = Some(UNKNOWN));
    }
    Ok(entries)
}

/// What a call's open event reads where no close of it is in the log.
pub const UNKNOWN: &str = "unknown";

/// How far ahead of a page closes are looked for: calls beyond are not judged.
const AHEAD: usize = 20;
const PAGE: u32 = 500;

fn is_full(rows: usize, limit: u32) -> bool {
    u32::try_from(rows).is_ok_and(|rows| rows >= limit)
}

fn opened(entries: &[Entry]) -> HashSet<String> {
    entries.iter().filter(|entry| entry.kind == Kind::CallOpened.as_str()).map(|entry| entry.id.to_string()).collect()
}

/// Takes out those that these entries close.
fn closed(open: &mut HashSet<String>, entries: &[Entry]) {
    for id in entries.iter().filter_map(|entry| entry.field(Field::Opened)) {
        open.remove(id);
    }
}

/// What the leaf proves is shown; what it doesn't is not.
fn entry(row: EventRow) -> Entry {
    let EventRow { tenant, id, kind, at, leaf, values } = row;
    let opened = leaf::open(&leaf, values.as_deref()).map_err(|error| error.to_string());
    let proved = opened.and_then(|opened| {
        let same = (opened.tenant, opened.id, &opened.kind, opened.at) == (tenant, id, &kind, at);
        if same { Ok(opened) } else { Err("the row is not the one that the leaf was made for".to_owned()) }
    });
    match proved {
        Ok(opened) => {
            let fields = opened.fields.into_iter().map(|(number, value)| (leaf::field_name(number), value)).collect();
            Entry { id, kind, at, fields, erased: opened.erased, outcome: None, trouble: None }
        }
        Err(trouble) => Entry { id, kind, at, fields: Vec::new(), erased: 0, outcome: None, trouble: Some(trouble) },
    }
}

fn as_object<S: Serializer>(fields: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    let mut object = to.serialize_map(Some(fields.len()))?;
    for (name, value) in fields {
        object.serialize_entry(name, value)?;
    }
    object.end()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(erased: &usize) -> bool {
    *erased == 0
}

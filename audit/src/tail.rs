//! Reading the log: its newest entries, or those after one that was seen.

use chancery_core::{EventId, Field, TenantId, Timestamp};
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
    /// What is wrong with the entry, where somebody altered it behind our back. Its fields are not shown then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl Entry {
    pub fn field(&self, field: Field) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == field.as_str()).map(|(_, value)| value.as_str())
    }
}

/// The next `limit` entries after `after`; without it the newest `limit`. Oldest first either way.
pub async fn tail(store: &Store, tenant: &TenantId, after: Option<EventId>, limit: u32) -> Result<Vec<Entry>, StoreError> {
    let rows = match after {
        Some(after) => events::after(store, tenant, Some(after), limit).await?,
        None => events::newest(store, tenant, limit).await?,
    };
    Ok(rows.into_iter().map(entry).collect())
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
            Entry { id, kind, at, fields, erased: opened.erased, trouble: None }
        }
        Err(trouble) => Entry { id, kind, at, fields: Vec::new(), erased: 0, trouble: Some(trouble) },
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

//! Leaf bytes, version 1 (docs/decisions/0002-event-bytes.md): what of an event is fixed for ever.
//!
//! The leaf shows id, tenant, kind and time, and commits to each field by a salted hash. Values and salts lie beside it in a row that
//! may be thinned out or erased: what is left still proves itself against the leaf, and the leaf itself never changes.

use chancery_core::{Event, EventId, Field, Rng, TenantId, Timestamp};
use chancery_crypto::digest;
use chancery_store::LeafRow;

/// First bytes of every leaf. The zero byte ends it, so no other version's string can begin with this one.
const DOMAIN: &[u8] = b"chancery/event/v1\0";
/// First byte of the values.
const VALUES_VERSION: u8 = 1;
const SALT: usize = 16;
const COMMITMENT: usize = 32;

/// The event as the two byte strings that the store keeps: the leaf for ever, the values until somebody has them erased.
pub fn seal(event: &Event, rng: &dyn Rng) -> LeafRow {
    let (id, tenant) = (event.id.to_string(), event.tenant.to_string());
    let shown = [id.as_str(), &tenant, event.kind.as_str()];
    let length = DOMAIN.len() + shown.iter().map(|text| 2 + text.len()).sum::<usize>() + 8 + event.fields.len() * COMMITMENT;
    let mut leaf = Vec::with_capacity(length);
    leaf.extend_from_slice(DOMAIN);
    for text in shown {
        leaf.extend_from_slice(&u16::try_from(text.len()).expect("ids and kinds are short").to_be_bytes());
        leaf.extend_from_slice(text.as_bytes());
    }
    leaf.extend_from_slice(&event.at.millis().to_be_bytes());

    let mut salts = vec![[0; SALT]; event.fields.len()];
    rng.fill(salts.as_flattened_mut()); // at once, for asking is what costs
    let mut hashed = Vec::new();
    let mut values = Vec::with_capacity(1 + event.fields.values().map(|value| 2 + SALT + 4 + value.len()).sum::<usize>());
    values.push(VALUES_VERSION);
    for ((field, value), salt) in event.fields.iter().zip(&salts) {
        leaf.extend_from_slice(&commitment(&mut hashed, salt, field.number(), value));
        values.extend_from_slice(&field.number().to_be_bytes());
        values.extend_from_slice(salt);
        values.extend_from_slice(&u32::try_from(value.len()).expect("no field holds 4 GB").to_be_bytes());
        values.extend_from_slice(value.as_bytes());
    }
    LeafRow { id: event.id, kind: event.kind.as_str(), at: event.at, leaf, values }
}

/// What a leaf and what is left of its values say together, each value proved against its commitment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    pub id: EventId,
    pub tenant: TenantId,
    /// A later version may have written a kind that this one doesn't know.
    pub kind: String,
    pub at: Timestamp,
    /// Number and value, in the order of their numbers.
    pub fields: Vec<(u16, String)>,
    /// How many commitments have no value any more.
    pub erased: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LeafError {
    #[error("the leaf is not of version 1, or is cut off")]
    Leaf,
    #[error("the values are not of version 1, or are cut off")]
    Values,
    #[error("the value of field {0} is not the one that was written")]
    Altered(u16),
}

/// Reads a leaf and checks every value that is still there. `None` for values that were erased altogether.
pub fn open(leaf: &[u8], values: Option<&[u8]>) -> Result<Opened, LeafError> {
    let mut rest = Reader(leaf.strip_prefix(DOMAIN).ok_or(LeafError::Leaf)?);
    let mut opened = header(&mut rest).ok_or(LeafError::Leaf)?;
    let (commitments, []) = rest.0.as_chunks::<COMMITMENT>() else { return Err(LeafError::Leaf) };

    let mut committed = commitments.iter();
    for Value { number, salt, text } in values.map_or(Ok(Vec::new()), read_values)? {
        let wanted = commitment(&mut Vec::new(), &salt, number, text);
        // Values lie in the order of their commitments, so those passed over are the erased ones.
        if !committed.any(|commitment| *commitment == wanted) {
            return Err(LeafError::Altered(number));
        }
        opened.fields.push((number, text.to_owned()));
    }
    opened.erased = commitments.len() - opened.fields.len();
    Ok(opened)
}

/// The name of a field, where this version knows it.
pub fn field_name(number: u16) -> String {
    Field::from_number(number).map_or_else(|| format!("field_{number}"), |field| field.as_str().to_owned())
}

/// `bytes` is room to lay them out in, the same for many.
fn commitment(bytes: &mut Vec<u8>, salt: &[u8; SALT], number: u16, value: &str) -> [u8; COMMITMENT] {
    bytes.clear();
    bytes.reserve(SALT + 2 + value.len());
    bytes.extend_from_slice(salt);
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(value.as_bytes());
    digest::sha256(bytes)
}

fn header(rest: &mut Reader<'_>) -> Option<Opened> {
    Some(Opened {
        id: rest.short_text()?.parse().ok()?,
        tenant: rest.short_text()?.parse().ok()?,
        kind: rest.short_text()?.to_owned(),
        at: Timestamp::from_millis(i64::from_be_bytes(rest.array()?)),
        fields: Vec::new(),
        erased: 0,
    })
}

struct Value<'a> {
    number: u16,
    salt: [u8; SALT],
    text: &'a str,
}

fn read_values(values: &[u8]) -> Result<Vec<Value<'_>>, LeafError> {
    let mut rest = Reader(values.strip_prefix(&[VALUES_VERSION]).ok_or(LeafError::Values)?);
    let mut all = Vec::new();
    while !rest.0.is_empty() {
        all.push(rest.value().ok_or(LeafError::Values)?);
    }
    Ok(all)
}

/// Takes what it is asked for off the front, or nothing.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn value(&mut self) -> Option<Value<'a>> {
        let (number, salt) = (u16::from_be_bytes(self.array()?), self.array()?);
        let length = u32::from_be_bytes(self.array()?);
        Some(Value { number, salt, text: self.text(length.try_into().ok()?)? })
    }

    fn short_text(&mut self) -> Option<&'a str> {
        let length = u16::from_be_bytes(self.array()?);
        self.text(length.into())
    }

    fn text(&mut self, length: usize) -> Option<&'a str> {
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }
}

#[cfg(test)]
mod tests;

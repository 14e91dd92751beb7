//! What goes into a statement and what comes out of a row: four types that both databases have.

use std::str::FromStr;

use chancery_core::{
    AgentId, ClientId, EventId, FamilyId, GrantId, Issuer, KeyId, ResourceId, ResourceUrl, SessionId, Slug, SubjectId, SubjectKey,
    TenantId, Timestamp, TokenId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// One parameter of a statement, or one column of a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    /// A JSON column: rows hold JSON as text.
    pub fn json(value: &impl Serialize) -> Self {
        Self::Text(serde_json::to_string(value).expect("rows hold plain data, which always serialises"))
    }

    /// PostgreSQL keeps no NUL in a text, so no driver does.
    pub(crate) fn has_nul(&self) -> bool {
        matches!(self, Self::Text(text) if text.contains('\0'))
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<u32> for Value {
    fn from(int: u32) -> Self {
        Self::Int(i64::from(int))
    }
}

/// Generations, versions and counts: they start at zero and never come near the end.
impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.millis())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}

impl From<[u8; 32]> for Value {
    fn from(digest: [u8; 32]) -> Self {
        Self::Blob(digest.to_vec())
    }
}

impl<T> From<&T> for Value
where
    T: Clone + Into<Value>,
{
    fn from(value: &T) -> Self {
        value.clone().into()
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! texts {
    ($($name:ty),*) => {$(
        impl From<$name> for Value {
            fn from(value: $name) -> Self {
                Self::Text(value.to_string())
            }
        }
    )*};
}

texts!(
    TenantId,
    SubjectId,
    AgentId,
    ResourceId,
    GrantId,
    FamilyId,
    SessionId,
    EventId,
    KeyId,
    TokenId,
    ClientId,
    Slug,
    Issuer,
    ResourceUrl,
    SubjectKey
);

/// The parameters of a statement, in their order: `values![tenant, id, now]`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}

/// One row of an answer. Columns are taken from the left, each once, in the order of the statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    columns: Vec<Value>,
    taken: usize,
}

/// A struct that is read from the next columns of a row.
pub trait FromRow: Sized {
    fn from_row(row: &mut Row) -> Result<Self, StoreError>;
}

impl Row {
    pub(crate) fn new(columns: Vec<Value>) -> Self {
        Self { columns, taken: 0 }
    }

    pub fn text(&mut self) -> Result<String, StoreError> {
        match self.next() {
            Value::Text(text) => Ok(text),
            _ => Err(self.unlike("a text")),
        }
    }

    pub fn int(&mut self) -> Result<i64, StoreError> {
        match self.next() {
            Value::Int(int) => Ok(int),
            _ => Err(self.unlike("a number")),
        }
    }

    pub fn blob(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.next() {
            Value::Blob(bytes) => Ok(bytes),
            _ => Err(self.unlike("bytes")),
        }
    }

    /// A hash, or whatever else is 32 bytes long.
    pub fn digest(&mut self) -> Result<[u8; 32], StoreError> {
        self.blob()?.try_into().map_err(|_| self.unlike("32 bytes"))
    }

    pub fn at(&mut self) -> Result<Timestamp, StoreError> {
        self.int().map(Timestamp::from_millis)
    }

    /// A number that is never below zero: a generation, a version, a count.
    pub fn count(&mut self) -> Result<u64, StoreError> {
        self.int()?.try_into().map_err(|_| self.unlike("a number not below zero"))
    }

    /// An id, a name, a URL: whatever is parsed from a text.
    pub fn parsed<T: FromStr>(&mut self) -> Result<T, StoreError> {
        self.text()?.parse().map_err(|_| self.unlike(std::any::type_name::<T>()))
    }

    pub fn client(&mut self) -> Result<ClientId, StoreError> {
        self.text().map(ClientId::claimed)
    }

    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        serde_json::from_str(&self.text()?).map_err(|_| self.unlike(std::any::type_name::<T>()))
    }

    /// The same for a column that may be null: `row.opt(Row::at)?`.
    pub fn opt<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match self.columns.get(self.taken) {
            Some(Value::Null) => {
                self.taken += 1;
                Ok(None)
            }
            _ => read(self).map(Some),
        }
    }

    /// A missing column reads as null, which no reader takes for a value.
    fn next(&mut self) -> Value {
        let column = self.columns.get_mut(self.taken).map_or(Value::Null, |column| std::mem::replace(column, Value::Null));
        self.taken += 1;
        column
    }

    fn unlike(&self, expected: &'static str) -> StoreError {
        StoreError::Row { column: self.taken, expected }
    }
}

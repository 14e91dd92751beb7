//! Between our values and SQLite's, our placeholders and SQLite's, its errors and ours.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Error, ErrorCode, Statement, ToSql, ffi};

use crate::{Row, StoreError, Value};

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(int) => ValueRef::Integer(*int),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Statements are written with `$1`, which SQLite would number by first appearance; `?1` it takes at its word.
pub(super) fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

/// So many rows at most.
pub(super) fn rows(statement: &mut Statement<'_>, values: &[Value], most: usize) -> rusqlite::Result<Vec<Row>> {
    let columns = statement.column_count();
    let mut found = statement.query(rusqlite::params_from_iter(values))?;
    let mut rows = Vec::new();
    while rows.len() < most
        && let Some(row) = found.next()?
    {
        rows.push(Row::new((0..columns).map(|column| value(row.get_ref(column)?)).collect::<rusqlite::Result<_>>()?));
    }
    Ok(rows)
}

fn value(read: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match read {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(int) => Value::Int(int),
        ValueRef::Text(_) => Value::Text(read.as_str()?.to_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Real(_) => return Err(Error::InvalidQuery), // no column and no statement of ours has fractions
    })
}

/// Whether a statement ran into a unique key: another was first.
pub(super) fn is_taken(error: &Error) -> bool {
    let taken = [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY];
    matches!(error, Error::SqliteFailure(failure, _) if taken.contains(&failure.extended_code))
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Unreachable("another program holds the database file, such as a backup or a shell".to_owned())
            }
            Some(ErrorCode::DiskFull) => Self::Refused("the disk is full; make room".to_owned()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

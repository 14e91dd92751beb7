//! Between our values and PostgreSQL's, and its errors and ours.

use std::error::Error as _;

use bytes::BytesMut;
use futures_util::TryStreamExt;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Error, RowStream};

use crate::{Row, StoreError, Value};

type Mismatch = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Value {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Mismatch> {
        match (self, wanted) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Int(int), &Type::INT8) => int.to_sql(wanted, out),
            (Self::Text(text), &Type::TEXT) => text.to_sql(wanted, out),
            (Self::Blob(bytes), &Type::BYTEA) => bytes.to_sql(wanted, out),
            _ => Err(format!("a statement wants {wanted} where another type was given").into()),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(ty)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Mismatch> {
        match *ty {
            Type::INT8 => i64::from_sql(ty, raw).map(Self::Int),
            Type::INT4 => i32::from_sql(ty, raw).map(|int| Self::Int(int.into())),
            Type::TEXT => String::from_sql(ty, raw).map(Self::Text),
            _ => Vec::from_sql(ty, raw).map(Self::Blob),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Mismatch> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::TEXT, Type::BYTEA].contains(ty)
    }
}

pub(super) async fn rows(found: RowStream) -> Result<Vec<Row>, Error> {
    let found: Vec<tokio_postgres::Row> = found.try_collect().await?;
    found.iter().map(|row| Ok(Row::new((0..row.len()).map(|column| row.try_get(column)).collect::<Result<_, _>>()?))).collect()
}

/// Whether a statement ran into a unique key: another was first.
pub(super) fn is_taken(error: &Error) -> bool {
    error.code() == Some(&SqlState::UNIQUE_VIOLATION)
}

/// Whether nothing was done and the same may well succeed from the start: two Units got entangled, or the connection was cut.
pub(super) fn is_worth_repeating(error: &Error) -> bool {
    let states = [&SqlState::T_R_DEADLOCK_DETECTED, &SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::ADMIN_SHUTDOWN];
    error.is_closed() || is_io(error) || states.iter().any(|state| error.code() == Some(state))
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let is_down = match error.code() {
            Some(state) => is_passing(state),
            None => error.is_closed() || is_io(&error),
        };
        if is_down { Self::Unreachable(told(&error)) } else { Self::Refused(told(&error)) }
    }
}

/// The server is going away or coming up, has too many clients, or ran out of patience: not the statement's fault.
fn is_passing(state: &SqlState) -> bool {
    ["08", "53", "57"].iter().any(|class| state.code().starts_with(class)) && *state != SqlState::DISK_FULL
}

fn is_io(error: &Error) -> bool {
    error.source().is_some_and(|source| source.is::<std::io::Error>())
}

/// What the server or the network said. Not the server's details: they repeat values of rows.
pub(super) fn told(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

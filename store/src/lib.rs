//! The store: what Chancery knows, on SQLite (one node) or PostgreSQL (a cluster), behind one small driver.
//!
//! 1. A write is data: a [`Unit`] of guarded statements with its audit leaves and feed entries, committed whole or not at all.
//! 2. A [`Driver`] runs queries and commits Units; no interactive transaction exists.
//! 3. [`repo`] has one file a table: the row as a struct, its statements once in the SQL both databases speak.
//! 4. [`feed`] tells every node what changed; [`reap`] deletes what has expired.
//!
//! No meaning lives here: what a row is for, its room knows.

#[macro_use]
mod value;
mod driver;
mod error;
mod migrations;
mod postgres;
mod sqlite;
mod store;
mod unit;
mod url;

pub mod feed;
pub mod reap;
pub mod repo;

pub use driver::Driver;
pub use error::StoreError;
pub use store::Store;
pub use unit::{Change, CommitError, Guard, LeafRow, Receipt, Topic, Unit, Write};
pub use url::StoreUrl;
pub use value::{FromRow, Row, Value};

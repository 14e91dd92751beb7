//! What a storage backend does. A new one is one more implementation that passes the conformance suite.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use tokio::sync::watch;

use crate::{CommitError, Receipt, Row, StoreError, Unit, Value};

pub trait Driver: Send + Sync + 'static {
    /// Runs one read.
    fn query(&self, sql: &'static str, values: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>, StoreError>>;

    /// Runs the feed's read. It waits behind no request, and a database that says nothing is given up soon: whoever follows must know
    /// that it does not.
    fn query_feed(&self, sql: &'static str, values: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        self.query(sql, values)
    }

    /// Runs one read that finds a row by its key, and gives no other.
    fn first(&self, sql: &'static str, values: Vec<Value>) -> BoxFuture<'_, Result<Option<Row>, StoreError>> {
        self.query(sql, values).map_ok(|rows| rows.into_iter().next()).boxed()
    }

    /// Writes all of a Unit durably, or nothing of it.
    fn commit(&self, unit: Unit) -> BoxFuture<'_, Result<Receipt, CommitError>>;

    /// Wakes whoever follows the feed: the number moves when there may be something new, whichever node wrote it.
    fn listen(&self) -> watch::Receiver<u64>;

    /// Finishes what was begun and lets go of files and connections.
    fn close(&self) -> BoxFuture<'_, ()>;
}

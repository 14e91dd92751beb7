//! The handle every room holds: a driver, and a count of the reads that went through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::url::Address;
use crate::{CommitError, Driver, FromRow, Receipt, Row, StoreError, StoreUrl, Unit, Value};

/// Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct Store {
    driver: Arc<dyn Driver>,
    reads: Arc<AtomicU64>,
}

impl Store {
    /// Opens the store and brings its schema up to date. A SQLite store is taken for this process alone.
    ///
    /// # Errors
    /// [`StoreError::Opening`] with what to do: an unwritable folder, a database another process holds, a server that does not answer.
    pub async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        let driver: Arc<dyn Driver> = match url.address() {
            Address::Sqlite(path) => Arc::new(Sqlite::open(path).await?),
            Address::Postgres(server) => Arc::new(Postgres::open(server).await?),
        };
        Ok(Self { driver, reads: Arc::default() })
    }

    #[cfg(test)]
    pub(crate) fn of(driver: Arc<dyn Driver>) -> Self {
        Self { driver, reads: Arc::default() }
    }

    /// Runs one read. A text with a NUL in it stands in no row, so a query by one finds nothing.
    pub async fn query(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if values.iter().any(Value::has_nul) {
            return Ok(Vec::new());
        }
        self.driver.query(sql, values).await
    }

    /// Writes all of a Unit durably, or nothing of it.
    pub async fn commit(&self, unit: Unit) -> Result<Receipt, CommitError> {
        let texts = unit.writes.iter().flat_map(|write| &write.values);
        if texts.into_iter().any(Value::has_nul) || unit.changes.iter().any(|change| change.key.contains('\0')) {
            return Err(StoreError::Nul.into());
        }
        self.driver.commit(unit).await
    }

    /// All rows, as structs.
    pub async fn all<T: FromRow>(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<T>, StoreError> {
        self.query(sql, values).await?.into_iter().map(|mut row| T::from_row(&mut row)).collect()
    }

    /// The first row of a query by a key, as a struct.
    pub async fn first<T: FromRow>(&self, sql: &'static str, values: Vec<Value>) -> Result<Option<T>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if values.iter().any(Value::has_nul) {
            return Ok(None);
        }
        self.driver.first(sql, values).await?.map(|mut row| T::from_row(&mut row)).transpose()
    }

    /// Moves when the feed may have something new.
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.driver.listen()
    }

    /// The same store for what a node does by itself: its reads belong to no request either, so they are not counted.
    pub fn uncounted(&self) -> Self {
        Self { driver: self.driver.clone(), reads: Arc::default() }
    }

    /// How many queries went through this store. The feed's own polling is not counted: it belongs to no request.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Finishes what was begun and lets go of the database. Whatever is asked afterwards is refused.
    pub async fn close(&self) {
        self.driver.close().await;
    }

    /// A read of the feed: it belongs to no request, so it is not counted.
    pub(crate) async fn query_feed(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.driver.query_feed(sql, values).await
    }
}

//! The SQLite driver: one writer that groups commits, a few readers, and a lock that keeps every other process out.
//!
//! WAL and `synchronous=FULL`: a commit that was acknowledged has reached the disk, and readers never wait for the writer.

mod bind;
mod idle;
mod lock;
mod open;
mod readers;
mod writer;

use std::path::Path;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::{CommitError, Driver, Receipt, Row, StoreError, Unit, Value};
use readers::Readers;
use writer::Writer;

pub(crate) struct Sqlite {
    writer: Writer,
    readers: Readers,
    wake: watch::Receiver<u64>,
}

impl Sqlite {
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || Self::open_now(&path)).await.expect("opening a database does not panic")
    }

    fn open_now(path: &Path) -> Result<Self, StoreError> {
        let lock = open::lock_folder(path)?;
        let connection = open::writer(path)?;
        let readers = Readers::start(path)?;
        let (writer, wake) = Writer::start(connection, lock)?;
        Ok(Self { writer, readers, wake })
    }
}

impl Driver for Sqlite {
    fn query(&self, sql: &'static str, values: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        self.readers.query(sql, values).boxed()
    }

    fn first(&self, sql: &'static str, values: Vec<Value>) -> BoxFuture<'_, Result<Option<Row>, StoreError>> {
        self.readers.first(sql, values).boxed()
    }

    fn commit(&self, unit: Unit) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        self.writer.commit(unit).boxed()
    }

    /// Nobody else can write here, so the writer's own word is enough.
    fn listen(&self) -> watch::Receiver<u64> {
        self.wake.clone()
    }

    /// Readers first: the last connection to close tidies the write-ahead log away.
    fn close(&self) -> BoxFuture<'_, ()> {
        async {
            self.readers.close().await;
            self.writer.close().await;
        }
        .boxed()
    }
}

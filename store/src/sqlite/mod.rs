//! stub
use futures_util::future::BoxFuture;
use tokio::sync::watch;


use crate::{CommitError, Driver, Receipt, Row, StoreError, Unit, Value};

pub(crate) struct Sqlite;

impl Sqlite {
    pub(crate) async fn open(_path: &std::path::Path) -> Result<Self, StoreError> {
        Err(StoreError::Closed)
    }
}
impl Driver for Sqlite {
    fn query(&self, _sql: &'static str, _values: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        todo!()
    }
    fn commit(&self, _unit: Unit) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        todo!()
    }
    fn listen(&self) -> watch::Receiver<u64> {
        todo!()
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        todo!()
    }
}

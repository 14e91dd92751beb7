//! The PostgreSQL driver: a pool of connections, a Unit in one transaction, and a connection that listens for other nodes.

mod bind;
mod commit;
mod listen;
mod open;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{RwLock, watch};
use tokio::task::JoinHandle;
use tokio_postgres::Error;

use crate::feed::OVERLAP;
use crate::url::Server;
use crate::{CommitError, Driver, Receipt, Row, StoreError, Unit, Value};

/// What a statement may take, and a Unit as a whole: the feed's readers rely on it.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// A pair of connections a core is what a PostgreSQL of eight cores makes best use of.
const CONNECTIONS: usize = 16;

pub(crate) struct Postgres {
    pool: Pool,
    wake: watch::Receiver<u64>,
    listener: JoinHandle<()>,
    /// Shared by whatever is under way; whoever closes the store takes it alone.
    working: Arc<RwLock<()>>,
}

impl Postgres {
    pub(crate) async fn open(server: &Server) -> Result<Self, StoreError> {
        let (config, connector) = open::settings(server)?;
        open::prepare(server, &config, &connector).await?;
        let pool = open::pool(config.clone(), connector.clone());
        let (woken, wake) = watch::channel(0);
        let listener = tokio::spawn(listen::forever(config, connector, woken));
        Ok(Self { pool, wake, listener, working: Arc::default() })
    }

    async fn read(&self, sql: &str, values: &[Value]) -> Result<Result<Vec<Row>, Error>, StoreError> {
        let connection = connection(&self.pool).await?;
        let answer = async {
            let statement = connection.prepare_cached(sql).await?;
            bind::rows(connection.query_raw(&statement, values).await?).await
        };
        Ok(answer.await)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Driver for Postgres {
    /// Tried again once: a connection from the pool may have been cut since it was last used.
    fn query(&self, sql: &'static str, values: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        async move {
            let _working = self.working.read().await;
            match self.read(sql, &values).await? {
                Ok(rows) => Ok(rows),
                Err(error) if bind::is_worth_repeating(&error) => Ok(self.read(sql, &values).await??),
                Err(error) => Err(error.into()),
            }
        }
        .boxed()
    }

    /// Runs on its own task, so that a caller who stops waiting never leaves a transaction open in the pool.
    fn commit(&self, unit: Unit) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        let (pool, working) = (self.pool.clone(), self.working.clone());
        let task = tokio::spawn(async move {
            let _working = working.read().await;
            commit::run(pool, unit, OVERLAP).await
        });
        async { task.await.map_err(|_| StoreError::Closed)? }.boxed()
    }

    fn listen(&self) -> watch::Receiver<u64> {
        self.wake.clone()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async {
            self.listener.abort();
            let _alone = self.working.write().await; // no statement lasts longer than its limit
            self.pool.close();
        }
        .boxed()
    }
}

async fn connection(pool: &Pool) -> Result<Object, StoreError> {
    pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => StoreError::Unreachable(bind::told(&error)),
        PoolError::Closed => StoreError::Closed,
        PoolError::Timeout(_) => {
            StoreError::Unreachable(format!("all {CONNECTIONS} connections stayed busy for {} seconds", LIMIT.as_secs()))
        }
        other => StoreError::Unreachable(other.to_string()),
    })
}

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

/// What a read may take until somebody is told that the server says nothing: its own limit, and a while for the way. A server that is
/// gone ends a connection; something in between that only swallows what it is sent does not.
const SILENCE: Duration = Duration::from_secs(LIMIT.as_secs() + 1);

/// The same for the feed: what a node does that hears nothing is due within seconds.
const FEED_SILENCE: Duration = Duration::from_secs(2);

/// A pair of connections a core is what a PostgreSQL of eight cores makes best use of.
const CONNECTIONS: usize = 16;

pub(crate) struct Postgres {
    pool: Pool,
    /// One connection that the feed alone is read by.
    feed: Pool,
    wake: watch::Receiver<u64>,
    listener: JoinHandle<()>,
    /// Shared by whatever is under way; whoever closes the store takes it alone.
    working: Arc<RwLock<()>>,
}

impl Postgres {
    pub(crate) async fn open(server: &Server) -> Result<Self, StoreError> {
        let (config, connector) = open::settings(server)?;
        open::prepare(server, &config, &connector).await?;
        let pool = open::pool(config.clone(), connector.clone(), CONNECTIONS);
        let feed = open::pool(config.clone(), connector.clone(), 1);
        let (woken, wake) = watch::channel(0);
        let listener = tokio::spawn(listen::forever(config, connector, woken));
        Ok(Self { pool, feed, wake, listener, working: Arc::default() })
    }

    /// Tried again once: a connection from the pool may have been cut since it was last used.
    async fn read(&self, pool: &Pool, (sql, values): (&str, &[Value]), within: Duration) -> Result<Vec<Row>, StoreError> {
        let _working = self.working.read().await;
        match read_once(pool, (sql, values), within).await? {
            Ok(rows) => Ok(rows),
            Err(error) if bind::is_worth_repeating(&error) => Ok(read_once(pool, (sql, values), within).await??),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Driver for Postgres {
    fn query(&self, sql: &'static str, values: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        async move { self.read(&self.pool, (sql, &values), SILENCE).await }.boxed()
    }

    fn query_feed(&self, sql: &'static str, values: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        async move {
            let read = self.read(&self.feed, (sql, &values), FEED_SILENCE);
            let late = |_| StoreError::Unreachable(format!("no connection could be had within {} seconds", 2 * FEED_SILENCE.as_secs()));
            let found = tokio::time::timeout(2 * FEED_SILENCE, read).await.map_err(late).flatten();
            if matches!(found, Err(StoreError::Unreachable(_))) {
                // What else lies idle was connected by the same way, and whoever took it would wait to find out.
                let _ = self.pool.retain(|_, _| false);
            }
            found
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
            self.feed.close();
        }
        .boxed()
    }
}

async fn read_once(pool: &Pool, (sql, values): (&str, &[Value]), within: Duration) -> Result<Result<Vec<Row>, Error>, StoreError> {
    let connection = connection(pool).await?;
    let answer = async {
        let statement = connection.prepare_cached(sql).await?;
        bind::rows(connection.query_raw(&statement, values).await?).await
    };
    match tokio::time::timeout(within, answer).await {
        Ok(answer) => Ok(answer),
        Err(_) => {
            discard(connection); // whoever took it next would wait behind what is not answered
            Err(StoreError::Unreachable(format!("it said nothing for {} seconds", within.as_secs())))
        }
    }
}

/// Takes a connection out of the pool and ends it, and with it whatever is open on it.
fn discard(connection: Object) {
    drop(Object::take(connection));
}

async fn connection(pool: &Pool) -> Result<Object, StoreError> {
    pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => StoreError::Unreachable(bind::told(&error)),
        PoolError::Closed => StoreError::Closed,
        PoolError::Timeout(_) => StoreError::Unreachable(format!("all connections stayed busy for {} seconds", LIMIT.as_secs())),
        other => StoreError::Unreachable(other.to_string()),
    })
}

//! Readers: a few connections. A read sees every commit that was acknowledged before it was asked.
//!
//! 1. One row by its key is found in less time than another thread takes to wake: who asks for it reads it, on a connection that is free.
//! 2. Everything else, and whatever would have to wait, is read by a thread, so that nobody's task stands still meanwhile.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::idle::Idle;
use super::{bind, open};
use crate::{Row, StoreError, Value};

/// Reads are of single rows in memory: a few connections saturate a machine, and each costs a page cache.
const MOST: usize = 4;

enum Request {
    Read { sql: &'static str, values: Vec<Value>, answer: oneshot::Sender<Result<Vec<Row>, StoreError>> },
    Close(oneshot::Sender<()>),
}

type Inbox = Arc<Mutex<UnboundedReceiver<Request>>>;

pub(super) struct Readers {
    requests: UnboundedSender<Request>,
    idle: Arc<Idle>,
    threads: usize,
}

impl Readers {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let threads = std::thread::available_parallelism().map_or(MOST, |cores| cores.get().min(MOST));
        let (requests, inbox) = unbounded_channel();
        let inbox = Arc::new(Mutex::new(inbox));
        let connections = (0..threads).map(|_| open::reader(path)).collect::<Result<_, _>>()?;
        let idle = Arc::new(Idle::new(connections));
        for _ in 0..threads {
            let (idle, inbox) = (idle.clone(), inbox.clone());
            std::thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || serve(&idle, &inbox))
                .map_err(|error| StoreError::opening("a reader thread cannot be started", error, "Raise the limit of threads"))?;
        }
        Ok(Self { requests, idle, threads })
    }

    pub(super) async fn query(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Read { sql, values, answer }).map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// The first row of a query that finds it by a key.
    pub(super) async fn first(&self, sql: &'static str, values: Vec<Value>) -> Result<Option<Row>, StoreError> {
        if let Some(connection) = self.idle.one_that_is_free() {
            match read(&connection, sql, &values, 1).map(|rows| rows.into_iter().next()).map_err(StoreError::from) {
                Err(StoreError::Unreachable(_)) => {} // somebody outside holds the file
                read => return read,
            }
        }
        self.query(sql, values).await.map(|rows| rows.into_iter().next())
    }

    pub(super) async fn close(&self) {
        for _ in 0..self.threads {
            let (closed, gone) = oneshot::channel();
            if self.requests.send(Request::Close(closed)).is_ok() {
                let _ = gone.await;
            }
        }
    }
}

/// Each thread in turn waits for the next request, then leaves the waiting to another while it reads.
fn serve(idle: &Idle, inbox: &Inbox) {
    loop {
        let request = inbox.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        match request {
            Some(Request::Read { answer, .. }) if answer.is_closed() => {}
            Some(Request::Read { sql, values, answer }) => {
                let connection = idle.one();
                let read = open::patient(&connection, || read(&connection, sql, &values, usize::MAX));
                drop(connection);
                let _ = answer.send(read.map_err(StoreError::from));
            }
            Some(Request::Close(closed)) => {
                idle.one().close(); // before it is said to be closed: who closes last tidies the log away
                drop(closed);
                return;
            }
            None => return,
        }
    }
}

fn read(connection: &Connection, sql: &str, values: &[Value], most: usize) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(&bind::numbered(sql))?;
    bind::rows(&mut statement, values, most)
}

#[cfg(test)]
mod tests;

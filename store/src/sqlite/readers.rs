//! Readers: a few threads, each with a connection of its own. A read sees every commit that was acknowledged before it was asked.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::{bind, open};
use crate::{Row, StoreError, Value};

/// Reads are of single rows in memory: a few threads saturate a machine, and each costs a page cache.
const MOST: usize = 4;

enum Request {
    Read { sql: &'static str, values: Vec<Value>, answer: oneshot::Sender<Result<Vec<Row>, StoreError>> },
    Close(oneshot::Sender<()>),
}

type Inbox = Arc<Mutex<UnboundedReceiver<Request>>>;

pub(super) struct Readers {
    requests: UnboundedSender<Request>,
    threads: usize,
}

impl Readers {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let threads = std::thread::available_parallelism().map_or(MOST, |cores| cores.get().min(MOST));
        let (requests, inbox) = unbounded_channel();
        let inbox = Arc::new(Mutex::new(inbox));
        for _ in 0..threads {
            let connection = open::reader(path)?;
            let inbox = inbox.clone();
            std::thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || serve(connection, &inbox))
                .map_err(|error| StoreError::opening("a reader thread cannot be started", error, "Raise the limit of threads"))?;
        }
        Ok(Self { requests, threads })
    }

    pub(super) async fn query(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Read { sql, values, answer }).map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
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
fn serve(connection: Connection, inbox: &Inbox) {
    loop {
        let request = inbox.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        match request {
            Some(Request::Read { answer, .. }) if answer.is_closed() => {}
            Some(Request::Read { sql, values, answer }) => {
                let _ = answer.send(read(&connection, sql, &values).map_err(StoreError::from));
            }
            Some(Request::Close(closed)) => {
                drop(connection); // before it is said to be closed: who closes last tidies the log away
                drop(closed);
                return;
            }
            None => return,
        }
    }
}

fn read(connection: &Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(&bind::numbered(sql))?;
    bind::rows(&mut statement, values)
}

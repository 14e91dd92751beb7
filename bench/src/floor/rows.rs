//! Rows in SQLite, durable: one thread writes, and commits together whatever waits (WAL, synchronous=FULL).

use std::path::Path;
use std::sync::mpsc;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

pub enum Row {
    /// An event.
    Event { id: String },
    /// An event, and the next generation of a family.
    Refreshed { id: String, family: i64, generation: i64 },
}

#[derive(Clone)]
pub struct Rows(mpsc::Sender<(Row, oneshot::Sender<bool>)>);

const SCHEMA: &str = "
PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
CREATE TABLE IF NOT EXISTS events (tenant TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, leaf BLOB NOT NULL,
    vals BLOB, PRIMARY KEY (tenant, id)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS families (tenant TEXT NOT NULL, id INTEGER NOT NULL, generation INTEGER NOT NULL, rotated INTEGER NOT NULL,
    facts TEXT NOT NULL, PRIMARY KEY (tenant, id)) STRICT, WITHOUT ROWID;";
/// As an event of a call is, on average.
const LEAF: [u8; 640] = [7; 640];
const VALUES: [u8; 900] = [7; 900];
/// What commits together at most.
const MOST: usize = 256;
const TENANT: &str = "ten_01a2052a3b4c7d8e9fa0b1c2d3e4f506";

pub fn open(folder: &str) -> Connection {
    std::fs::create_dir_all(folder).expect("a folder");
    let connection = Connection::open(Path::new(folder).join("floor.db")).expect("a database");
    connection.execute_batch(SCHEMA).expect("the schema");
    connection
}

impl Rows {
    pub fn new(connection: Connection) -> Self {
        let (sender, jobs) = mpsc::channel();
        std::thread::spawn(move || write(&connection, &jobs));
        Self(sender)
    }

    /// Begins; the receiver hears when it is durable.
    pub fn begin(&self, row: Row) -> oneshot::Receiver<bool> {
        let (done, heard) = oneshot::channel();
        self.0.send((row, done)).expect("the writer runs");
        heard
    }

    pub async fn durable(&self, row: Row) -> bool {
        self.begin(row).await.unwrap_or(false)
    }
}

fn write(connection: &Connection, jobs: &mpsc::Receiver<(Row, oneshot::Sender<bool>)>) {
    while let Ok(first) = jobs.recv() {
        let batch: Vec<_> = std::iter::once(first).chain(jobs.try_iter().take(MOST - 1)).collect();
        connection.execute_batch("BEGIN IMMEDIATE").expect("it begins");
        let done: Vec<(bool, oneshot::Sender<bool>)> = batch.into_iter().map(|(row, done)| (insert(connection, &row), done)).collect();
        connection.execute_batch("COMMIT").expect("it commits");
        for (right, done) in done {
            let _ = done.send(right);
        }
    }
}

fn insert(connection: &Connection, row: &Row) -> bool {
    const EVENT: &str = "INSERT INTO events (tenant, id, kind, at, leaf, vals) VALUES (?1, ?2, 'token_issued', 1790000000000, ?3, ?4)";
    const FAMILY: &str =
        "UPDATE families SET generation = generation + 1, rotated = 1790000000000 WHERE tenant = ?1 AND id = ?2 AND generation = ?3";
    let run =
        |sql: &str, values: &[&dyn rusqlite::ToSql]| connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
    let (id, family) = match row {
        Row::Event { id } => (id, None),
        Row::Refreshed { id, family, generation } => (id, Some((family, generation))),
    };
    let moved = family.is_none_or(|(family, generation)| run(FAMILY, params![TENANT, family, generation]) == Ok(1));
    moved && run(EVENT, params![TENANT, id, LEAF, VALUES]) == Ok(1)
}

/// Families to refresh, at generation 0.
pub fn add_families(connection: &Connection, count: i64) {
    let add = "INSERT OR REPLACE INTO families (tenant, id, generation, rotated, facts) VALUES (?1, ?2, 0, 0, ?3)";
    for family in 0..count {
        connection.execute(add, params![TENANT, family, "f".repeat(400)]).expect("a row");
    }
}

/// A family's generation: the one read of a refresh.
pub fn generation(connection: &Connection, family: i64) -> Option<i64> {
    let mut read = connection.prepare_cached("SELECT generation, facts FROM families WHERE tenant = ?1 AND id = ?2").ok()?;
    read.query_row(params![TENANT, family], |row| row.get(0)).ok()
}

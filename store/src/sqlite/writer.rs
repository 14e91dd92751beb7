//! The writer: one thread that takes whatever Units have arrived, runs each in a savepoint, and makes them durable in one commit.
//!
//! 1. While one commit waits for the disk the next Units gather, so the disk is asked once for all of them.
//! 2. A Unit that fails is rolled back to its savepoint; its neighbours do not notice.
//! 3. Nobody is answered before the commit is on the disk.
//! 4. The log is written back to the database when nobody waits, or when it has become too long to put that off.

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::bind;
use super::lock::Lock;
use crate::unit::Statements;
use crate::{CommitError, Receipt, StoreError, Unit, Write};

/// Units in one commit: past this a larger group saves little and the first in it waits too long.
const LARGEST_GROUP: usize = 256;

/// Units that wait for the group after; past this, who commits waits to be let in.
const QUEUE: usize = 1024;

/// Pages in the log from which it is written back as soon as nobody waits, and from which it is written back whoever waits.
const LOG_WORTH_WRITING_BACK: i64 = 1_000;
const LOG_TOO_LONG: i64 = 16_000;

type Answer = oneshot::Sender<Result<Receipt, CommitError>>;

enum Request {
    Commit(Unit, Answer),
    Close(oneshot::Sender<()>),
}

pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
}

impl Writer {
    pub(super) fn start(connection: Connection, lock: Lock) -> Result<(Self, watch::Receiver<u64>), StoreError> {
        let (requests, inbox) = mpsc::channel(QUEUE);
        let (wake, woken) = watch::channel(0);
        let thread = Thread { connection, inbox, wake };
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || thread.run(lock))
            .map_err(|error| StoreError::opening("the writer thread cannot be started", error, "Raise the limit of threads"))?;
        Ok((Self { requests }, woken))
    }

    /// A Unit that was handed over is committed even if nobody waits for the answer any more.
    pub(super) async fn commit(&self, unit: Unit) -> Result<Receipt, CommitError> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Commit(unit, answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn close(&self) {
        let (closed, gone) = oneshot::channel();
        if self.requests.send(Request::Close(closed)).await.is_ok() {
            let _ = gone.await;
        }
    }
}

struct Thread {
    connection: Connection,
    inbox: mpsc::Receiver<Request>,
    wake: watch::Sender<u64>,
}

impl Thread {
    fn run(mut self, lock: Lock) {
        let mut closing = None;
        while closing.is_none()
            && let Some(first) = self.inbox.blocking_recv()
        {
            let mut group = Vec::new();
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Commit(unit, answer) => group.push((unit, answer)),
                    Request::Close(closed) => closing = Some(closed),
                }
                let more = closing.is_none() && group.len() < LARGEST_GROUP;
                next = if more { self.inbox.try_recv().ok() } else { None };
            }
            self.commit(group);
            self.write_log_back();
        }
        drop(self); // the last connection to close writes the log back and removes it
        drop(lock);
        drop(closing);
    }

    fn commit(&self, group: Vec<(Unit, Answer)>) {
        let (units, answers): (Vec<Unit>, Vec<Answer>) = group.into_iter().unzip();
        let tells: Vec<bool> = units.iter().map(|unit| !unit.changes.is_empty()).collect();
        match self.together(units) {
            Ok(outcomes) => {
                if outcomes.iter().zip(tells).any(|(outcome, tells)| tells && outcome.is_ok()) {
                    self.wake.send_modify(|times| *times += 1);
                }
                answers.into_iter().zip(outcomes).for_each(|(answer, outcome)| drop(answer.send(outcome)));
            }
            Err(error) => answers.into_iter().for_each(|answer| drop(answer.send(Err(error.clone().into())))),
        }
    }

    /// Runs each Unit and commits all that went well. On an error nothing of any of them was written.
    fn together(&self, units: Vec<Unit>) -> Result<Vec<Result<Receipt, CommitError>>, StoreError> {
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        let outcomes = units.into_iter().map(|unit| self.alone(unit)).collect::<Result<_, _>>()?;
        transaction.commit().map_err(|error| match StoreError::from(error) {
            StoreError::Refused(why) => StoreError::OutcomeUnknown(why), // the disk failed while it was told to keep what it has
            not_begun => not_begun,
        })?;
        Ok(outcomes)
    }

    /// Runs one Unit in its savepoint. The outer error means that the whole transaction is lost with it, as when the disk is full.
    fn alone(&self, unit: Unit) -> Result<Result<Receipt, CommitError>, StoreError> {
        self.run_plain("SAVEPOINT unit")?;
        let outcome = self.write(unit.into());
        if let Err(failed) = &outcome
            && let Err(lost) = self.run_plain("ROLLBACK TO unit")
        {
            return Err(match failed {
                CommitError::Unavailable(why) => why.clone(),
                CommitError::GuardFailed(_) => lost.into(),
            });
        }
        self.run_plain("RELEASE unit")?;
        Ok(outcome)
    }

    fn write(&self, statements: Statements) -> Result<Receipt, CommitError> {
        let mut changed = Vec::with_capacity(statements.writes.len());
        for (at, write) in statements.writes.iter().enumerate() {
            match self.statement(write) {
                Ok(rows) if write.guard.holds(rows) => changed.push(rows),
                Ok(_) => return Err(statements.guard_failed(at)),
                Err(error) if bind::is_taken(&error) => return Err(statements.guard_failed(at)),
                Err(error) => return Err(StoreError::from(error).into()),
            }
        }
        Ok(statements.receipt(changed))
    }

    fn statement(&self, write: &Write) -> rusqlite::Result<u64> {
        let mut statement = self.connection.prepare_cached(&bind::numbered(write.sql))?;
        Ok(statement.execute(rusqlite::params_from_iter(&write.values))? as u64)
    }

    fn run_plain(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn write_log_back(&self) {
        let length = self.checkpoint("PRAGMA wal_checkpoint(NOOP)");
        if length > LOG_TOO_LONG || (length > LOG_WORTH_WRITING_BACK && self.inbox.is_empty()) {
            self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)");
        }
    }

    /// Gives the pages that the log still holds; a checkpoint that fails is tried again after the next commit.
    fn checkpoint(&self, sql: &str) -> i64 {
        let pages = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?);
        self.connection.prepare_cached(sql).and_then(|mut statement| statement.query_row([], pages)).unwrap_or_else(|error| {
            tracing::warn!(%error, "the write-ahead log cannot be written back to the database; is the disk full?");
            0
        })
    }
}

#[cfg(test)]
mod tests;

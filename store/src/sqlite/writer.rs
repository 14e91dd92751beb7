//! The writer: one thread that takes whatever Units have arrived, runs them, and makes them durable in one commit.
//!
//! 1. While one commit waits for the disk the next Units gather, so the disk is asked once for all of them.
//! 2. A Unit that fails before it changed anything leaves nothing to undo. If one fails after it did, all are undone and run again, each
//!    in a savepoint to which it is rolled back alone. Its neighbours do not notice.
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

/// How often the writer gives way before it falls asleep. With nobody to give way to, that is over in a microsecond.
const GIVING_WAY: usize = 4;

/// Pages in the log from which it is written back as soon as nobody waits, and from which it is written back whoever waits.
const LOG_WORTH_WRITING_BACK: i64 = 1_000;
const LOG_TOO_LONG: i64 = 16_000;

type Answer = oneshot::Sender<Ended>;

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

/// How a Unit ended.
type Ended = Result<Receipt, CommitError>;

/// Why nothing of a group was written.
enum Failed {
    /// A Unit failed after it changed something, and its neighbours with it.
    MidWay,
    Altogether(StoreError),
}

impl From<StoreError> for Failed {
    fn from(why: StoreError) -> Self {
        Self::Altogether(why)
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
            && let Some(first) = self.first()
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

    /// The next that asks. Those who were just answered ask again soon: to let them run a moment costs less than to be woken by the first of
    /// them, and the group is larger.
    fn first(&mut self) -> Option<Request> {
        for _ in 0..GIVING_WAY {
            match self.inbox.try_recv() {
                Ok(request) => return Some(request),
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
                Err(mpsc::error::TryRecvError::Empty) => std::thread::yield_now(),
            }
        }
        self.inbox.blocking_recv()
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
    fn together(&self, units: Vec<Unit>) -> Result<Vec<Ended>, StoreError> {
        let units: Vec<Statements> = units.into_iter().map(Into::into).collect();
        match self.committed(&units, |unit| self.beside_others(unit)) {
            Err(Failed::MidWay) => self.committed(&units, |unit| self.alone(unit)).map_err(|failed| match failed {
                Failed::MidWay => StoreError::Refused("what failed halfway could not be undone by itself".to_owned()),
                Failed::Altogether(why) => why,
            }),
            Err(Failed::Altogether(why)) => Err(why),
            Ok(outcomes) => Ok(outcomes),
        }
    }

    fn committed(&self, units: &[Statements], run: impl Fn(&Statements) -> Result<Ended, Failed>) -> Result<Vec<Ended>, Failed> {
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate).map_err(StoreError::from)?;
        let outcomes = units.iter().map(run).collect::<Result<_, _>>()?;
        transaction.commit().map_err(|error| match StoreError::from(error) {
            StoreError::Refused(why) => StoreError::OutcomeUnknown(why), // the disk failed while it was told to keep what it has
            not_begun => not_begun,
        })?;
        Ok(outcomes)
    }

    /// Runs one Unit with nothing that could undo it alone.
    fn beside_others(&self, unit: &Statements) -> Result<Ended, Failed> {
        let mut changed = Vec::with_capacity(unit.writes.len());
        match self.write(unit, &mut changed) {
            Err(CommitError::GuardFailed(at)) if changed.iter().all(|rows| *rows == 0) => Ok(Err(CommitError::GuardFailed(at))),
            Err(_) => Err(Failed::MidWay),
            Ok(()) => Ok(Ok(unit.receipt(changed))),
        }
    }

    /// Runs one Unit in its savepoint. The outer error means that the whole transaction is lost with it, as when the disk is full.
    fn alone(&self, unit: &Statements) -> Result<Ended, Failed> {
        self.run_plain("SAVEPOINT unit")?;
        let mut changed = Vec::with_capacity(unit.writes.len());
        let outcome = self.write(unit, &mut changed).map(|()| unit.receipt(changed));
        if let Err(failed) = &outcome
            && let Err(lost) = self.run_plain("ROLLBACK TO unit")
        {
            return Err(match failed {
                CommitError::Unavailable(why) => why.clone().into(),
                CommitError::GuardFailed(_) => lost,
            });
        }
        self.run_plain("RELEASE unit")?;
        Ok(outcome)
    }

    /// Pushes how many rows each statement changed, that included whose guard did not hold. One that ran into a unique key changed none.
    fn write(&self, unit: &Statements, changed: &mut Vec<u64>) -> Result<(), CommitError> {
        for (at, write) in unit.writes.iter().enumerate() {
            match self.statement(write) {
                Ok(rows) => {
                    changed.push(rows);
                    if !write.guard.holds(rows) {
                        return Err(unit.guard_failed(at));
                    }
                }
                Err(error) if bind::is_taken(&error) => return Err(unit.guard_failed(at)),
                Err(error) => return Err(StoreError::from(error).into()),
            }
        }
        Ok(())
    }

    fn statement(&self, write: &Write) -> rusqlite::Result<u64> {
        let mut statement = self.connection.prepare_cached(&bind::numbered(write.sql))?;
        Ok(statement.execute(rusqlite::params_from_iter(&write.values))? as u64)
    }

    fn run_plain(&self, sql: &str) -> Result<(), Failed> {
        let run = || self.connection.prepare_cached(sql)?.execute([]).map(drop);
        run().map_err(|error| Failed::Altogether(error.into()))
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

//! Running a Unit: BEGIN and all its statements in one go, a look at what they changed, COMMIT. Two round trips, whatever its size.
//!
//! No limit of the server's ends a COMMIT: it waits for the disk and for a synchronous standby as long as they take. Changes that came
//! out of one later than the feed's followers look back are told once more, and so are those of a COMMIT whose answer got lost.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{Error, Statement};

use super::{LIMIT, bind, discard};
use crate::unit::Statements;
use crate::{CommitError, Receipt, StoreError, Unit, Write};

/// How often a Unit is tried before somebody is told that it got entangled each time.
const ATTEMPTS: usize = 5;

/// Tells the other nodes, once the commit is through.
const NOTIFY: &str = "NOTIFY chancery_feed";

/// Between two attempts to tell changes again while the database does not take them.
const PAUSE: Duration = Duration::from_secs(1);

/// What came of one attempt that wrote everything.
struct Done {
    receipt: Receipt,
    /// From before BEGIN until COMMIT was answered: no longer were the Unit's numbers in the feed taken and not to be seen.
    took: Duration,
}

/// What came of one attempt that wrote nothing.
enum Failed {
    /// It got entangled with another Unit, or the connection was cut: it may well succeed now.
    Again(StoreError),
    For(CommitError),
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + 'a>>;

/// `seen_within` is how far back the feed's followers look.
pub(super) async fn run(pool: Pool, unit: Unit, seen_within: Duration) -> Result<Receipt, CommitError> {
    let told = Unit { changes: unit.changes.clone(), ..Unit::new(unit.tenant, Vec::new()) };
    let outcome = written(&pool, unit).await;
    let in_time = match &outcome {
        Ok(done) => done.took < seen_within,
        Err(error) => !matches!(error, CommitError::Unavailable(StoreError::OutcomeUnknown(_))),
    };
    if !in_time && !told.changes.is_empty() {
        // Whoever closes the store waits for this too, but not until a database comes back.
        let _ = timeout(LIMIT, tokio::spawn(tell_again(pool, told, seen_within))).await;
    }
    outcome.map(|done| done.receipt)
}

/// To hear of a change twice is harmless, and of one that was not written too: nodes only look again.
async fn tell_again(pool: Pool, told: Unit, seen_within: Duration) {
    let statements = Statements::from(told);
    let mut late = 0;
    while late < ATTEMPTS {
        match attempt(&pool, &statements, true).await {
            Ok(done) if done.took < seen_within => return,
            Ok(_) => late += 1,
            Err(Failed::For(CommitError::Unavailable(StoreError::Closed))) => break,
            Err(_) => sleep(PAUSE).await,
        }
    }
    tracing::error!(
        "the database took so long to commit that other nodes may not have heard of a change: start them again once it is well, \
         and see why its disk or its synchronous standby is slow"
    );
}

async fn written(pool: &Pool, unit: Unit) -> Result<Done, CommitError> {
    let tells = !unit.changes.is_empty();
    let statements = Statements::from(unit);
    for _ in 1..ATTEMPTS {
        match attempt(pool, &statements, tells).await {
            Err(Failed::Again(_)) => {}
            done => return settled(done),
        }
    }
    settled(attempt(pool, &statements, tells).await)
}

fn settled(outcome: Result<Done, Failed>) -> Result<Done, CommitError> {
    outcome.map_err(|failed| match failed {
        Failed::Again(error) => error.into(),
        Failed::For(error) => error,
    })
}

async fn attempt(pool: &Pool, statements: &Statements, tells: bool) -> Result<Done, Failed> {
    let connection = super::connection(pool).await?;
    let begun = Instant::now();
    // COMMIT is only ever sent within the limit; how long it lasts itself is measured.
    let Ok(changed) = timeout(LIMIT, begin(&connection, statements, tells)).await else {
        discard(connection);
        return Err(StoreError::Unreachable(format!("a write took more than {} seconds", LIMIT.as_secs())).into());
    };
    match changed {
        Ok(changed) => match connection.batch_execute("COMMIT").await {
            Ok(()) => Ok(Done { receipt: statements.receipt(changed), took: begun.elapsed() }),
            Err(error) => {
                discard(connection);
                Err(commit_failed(error))
            }
        },
        Err(failed) => {
            if !matches!(timeout(LIMIT, connection.batch_execute("ROLLBACK")).await, Ok(Ok(()))) {
                discard(connection);
            }
            Err(failed)
        }
    }
}

/// Runs everything up to the COMMIT, and checks every guard. Gives the rows each statement changed.
async fn begin(connection: &Object, statements: &Statements, tells: bool) -> Result<Vec<u64>, Failed> {
    let mut prepared = Vec::with_capacity(statements.writes.len());
    for write in &statements.writes {
        prepared.push(connection.prepare_cached(write.sql).await?);
    }

    let mut answers: Vec<Answer<'_>> = vec![Box::pin(plain(connection, "BEGIN"))];
    answers.extend(statements.writes.iter().zip(&prepared).map(|(write, statement)| Box::pin(run_one(connection, statement, write)) as _));
    if tells {
        answers.push(Box::pin(plain(connection, NOTIFY)));
    }

    let mut answered = in_order(answers).await.into_iter();
    answered.next().expect("BEGIN was asked first")?;
    let mut changed = Vec::with_capacity(prepared.len());
    for (at, (write, rows)) in statements.writes.iter().zip(answered.by_ref()).enumerate() {
        match rows {
            Ok(rows) if write.guard.holds(rows) => changed.push(rows),
            Ok(_) => return Err(statements.guard_failed(at).into()),
            Err(error) if bind::is_taken(&error) => return Err(statements.guard_failed(at).into()),
            Err(error) => return Err(error.into()),
        }
    }
    answered.try_for_each(|notified| notified.map(drop))?;
    Ok(changed)
}

async fn run_one(connection: &Object, statement: &Statement, write: &Write) -> Result<u64, Error> {
    connection.execute_raw(statement, &write.values).await
}

async fn plain(connection: &Object, sql: &str) -> Result<u64, Error> {
    connection.batch_execute(sql).await.map(|()| 0)
}

/// Awaits them together. A statement enters the connection when it is first polled, so each is polled before the next.
async fn in_order(mut answers: Vec<Answer<'_>>) -> Vec<Result<u64, Error>> {
    let mut answered: Vec<Option<Result<u64, Error>>> = answers.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (answer, slot) in answers.iter_mut().zip(&mut answered) {
            if slot.is_none()
                && let Poll::Ready(rows) = answer.as_mut().poll(context)
            {
                *slot = Some(rows);
            }
        }
        if answered.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answered.into_iter().flatten().collect()
}

/// A COMMIT that the server refused wrote nothing; one whose answer got lost may have.
fn commit_failed(error: Error) -> Failed {
    if error.as_db_error().is_some() { error.into() } else { StoreError::OutcomeUnknown(bind::told(&error)).into() }
}

/// Anything that went wrong before the COMMIT.
impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        if bind::is_worth_repeating(&error) { Self::Again(error.into()) } else { Self::For(StoreError::from(error).into()) }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::For(error.into())
    }
}

impl From<CommitError> for Failed {
    fn from(error: CommitError) -> Self {
        Self::For(error)
    }
}

#[cfg(test)]
mod tests;

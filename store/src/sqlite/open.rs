//! Opening the file: its folder, its lock, its modes, its schema.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::lock::Lock;
use crate::{StoreError, migrations};

/// How long a statement waits for a program outside (a backup, a shell), since nobody inside ever holds another up.
const PATIENCE: Duration = Duration::from_secs(5);

/// More than there are statements: none is ever parsed twice.
const STATEMENTS: usize = 256;

/// Makes the folder if need be, and takes the database for this process.
pub(super) fn lock_folder(path: &Path) -> Result<Lock, StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        StoreError::opening(
            format!("the folder {} cannot be made", folder.display()),
            error,
            "Give this user write access above it, or name another folder",
        )
    })?;
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    Lock::take(&PathBuf::from(lock))
}

/// The one connection that writes.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    let what = format!("the database {}", path.display());
    // Made here, because SQLite would let everybody read it; its log gets the same mode.
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    made.map_err(|error| StoreError::opening(format!("{what} cannot be written"), error, "Give this user write access to the file"))?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, "").map_err(|error| {
        StoreError::opening(
            format!("{what} cannot be opened"),
            error,
            "If it is not a Chancery database, name another file; if it is damaged, restore a backup",
        )
    })?;
    migrations::SQLITE.runner().run(&mut connection).map_err(|error| migrations::failed(&what, &error))?;
    Ok(connection)
}

/// A connection that reads, and waits for nobody unless it is told to be [`patient`].
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, "PRAGMA query_only = ON; PRAGMA busy_timeout = 0;")
        .map_err(|error| StoreError::opening(format!("the database {} cannot be read", path.display()), error, "Restore a backup"))
}

/// Reads with patience.
pub(super) fn patient<T>(connection: &Connection, read: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    connection.busy_timeout(PATIENCE)?;
    let read = read();
    connection.busy_timeout(Duration::ZERO)?;
    read
}

/// Checkpoints are left to the writer, which knows when nobody waits for it.
fn connect(path: &Path, access: OpenFlags, more: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else a statement whose best plan may depend on what is bound to it is parsed and planned at every use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::InvalidPath(path.to_owned()));
    }
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;")?;
    connection.execute_batch(more)?;
    Ok(connection)
}

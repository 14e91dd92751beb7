//! One process at a time: a server and the command line exclude each other by an operating system's lock, which ends with its holder
//! however that dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::StoreError;

/// Held as long as this lives.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let mut file = open.map_err(|error| {
            StoreError::opening(format!("{} cannot be written", path.display()), error, "Give this user write access to the folder")
        })?;
        match file.try_lock() {
            Ok(()) => {
                // Only for the reader of the message below: a holder that cannot write its number holds all the same.
                let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(held(path, &mut file)),
            Err(TryLockError::Error(error)) => Err(StoreError::opening(
                format!("{} cannot be locked", path.display()),
                error,
                "Keep the database on a local disk; network file systems often have no locks",
            )),
        }
    }
}

fn held(path: &Path, file: &mut File) -> StoreError {
    let mut holder = String::new();
    let _ = file.read_to_string(&mut holder);
    let holder = if holder.is_empty() { "another process".to_owned() } else { format!("process {holder}") };
    StoreError::opening(
        format!("the database of {} is in use", path.display()),
        format!("{holder} holds it"),
        "Let the running server do the work (it listens on its admin socket), or stop it first",
    )
}

//! Connections that nobody reads on at the moment.

use std::ops::Deref;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

pub(super) struct Idle {
    connections: Mutex<Vec<Connection>>,
    one_more: Condvar,
}

/// A connection that is given back when this is dropped.
pub(super) struct Lent<'a> {
    idle: &'a Idle,
    /// Until it is given back.
    connection: Option<Connection>,
}

impl Idle {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self { connections: Mutex::new(connections), one_more: Condvar::new() }
    }

    /// The one that was used last: its cache is the warmest.
    pub(super) fn one_that_is_free(&self) -> Option<Lent<'_>> {
        self.connections().pop().map(|connection| self.lent(connection))
    }

    /// Waits until one is free.
    pub(super) fn one(&self) -> Lent<'_> {
        let mut connections = self.connections();
        loop {
            match connections.pop() {
                Some(connection) => return self.lent(connection),
                None => connections = self.one_more.wait(connections).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn lent(&self, connection: Connection) -> Lent<'_> {
        Lent { idle: self, connection: Some(connection) }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        // A push or a pop is done or it is not: whoever panicked left nothing half done.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent<'_> {
    /// Closes it; it is not given back.
    pub(super) fn close(mut self) {
        drop(self.connection.take());
    }
}

impl Deref for Lent<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is given back when this is dropped, and not before")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.idle.connections().push(connection);
            self.idle.one_more.notify_one();
        }
    }
}

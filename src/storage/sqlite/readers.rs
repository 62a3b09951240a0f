//! The pool of read-only connections. Each question has one to itself, and on it one snapshot.
//!
//! A question never waits for another: when all connections are in use one more is opened, and closed after it unless the
//! pool has room.

use super::open;
use super::session::{Session, execute, store_error};
use crate::base::Result;
use crate::storage::Snapshot;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How many connections are kept open while nobody asks.
const KEPT: usize = 8;

pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn read(&self, question: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()> {
        let connection = match self.take_idle() {
            Some(connection) => connection,
            None => open::reader(&self.path)?,
        };
        execute(&connection, "BEGIN DEFERRED").map_err(|error| store_error(&error))?;
        // When the question panics the connection is dropped, and its snapshot with it.
        let answer = question(&Session::on(&connection));
        if execute(&connection, "ROLLBACK").is_ok() {
            self.give_back(connection);
        }
        answer
    }

    fn take_idle(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }
}

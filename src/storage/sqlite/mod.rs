//! The SQLite store: one file (or memory), one writer with group commit, readers on snapshots of their own.
//!
//! This folder alone knows SQLite. What is in it: opening and migrating (`open`), the writer (`writer`), the pool of readers
//! (`readers`), one connection as the trait sees it (`session`, `snapshot`, `change`) and how rows become columns (`columns`).
//!
//! Invariant: the file is held by one process (see `lock`), so that this process's one writer is the only one.

mod change;
mod columns;
mod lock;
mod open;
mod readers;
mod session;
mod snapshot;
mod writer;

#[cfg(test)]
mod tests;

use super::{Snapshot, Storage, Tx};
use crate::base::Result;
use readers::Readers;
use std::path::Path;
use writer::{Grouping, Writer};

/// State in one SQLite database. The fields are dropped in order: readers first, so that the writer, closing last, can fold
/// the log into the file; the lock when nothing touches the file any more.
pub struct SqliteStorage {
    /// None in memory: there one connection serves readers and writer.
    readers: Option<Readers>,
    writer: Writer,
    _lock: Option<lock::Lock>,
}

impl SqliteStorage {
    /// Opens the database at `path`, creating or migrating it as needed, and holds it until dropped.
    ///
    /// # Errors
    /// One line that says what is wrong: no such directory, not writable, not a database, newer than this program, held by
    /// another process.
    pub fn open(path: &Path) -> Result<Self> {
        let path = open::resolve(path)?;
        let lock = lock::Lock::take(&path)?;
        open::create_file(&path)?;
        let connection = open::writer(&path)?;
        Ok(Self {
            readers: Some(Readers::of(&path)),
            writer: Writer::new(connection, Grouping::Shared),
            _lock: Some(lock),
        })
    }

    /// An empty store in memory, which ends with this value.
    ///
    /// # Errors
    /// `Internal` when SQLite gives no memory.
    pub fn in_memory() -> Result<Self> {
        let writer = Writer::new(open::in_memory()?, Grouping::Alone);
        Ok(Self { readers: None, writer, _lock: None })
    }
}

impl Storage for SqliteStorage {
    fn kind(&self) -> &'static str {
        if self.readers.is_some() { "sqlite" } else { "inmem" }
    }

    fn read(&self, question: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()> {
        match &self.readers {
            Some(readers) => readers.read(question),
            None => self.writer.read(question),
        }
    }

    fn write(&self, change: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        self.writer.write(change)
    }
}

//! The SQLite store: one file (or memory), one writer with group commit, readers on snapshots of their own.
//!
//! This folder alone knows SQLite. What is in it: opening and migrating (`open`), the writer (`writer`), the pool of readers
//! (`readers`), one connection as the trait sees it (`session`, `snapshot`, `change`) and how rows become columns (`columns`).
//!
//! Invariant: the file is held by one process (see `lock`), so that this process's one writer is the only one.

mod change;
mod columns;
pub mod copy;
mod generation;
mod lock;
mod measures;
mod open;
mod readers;
mod session;
mod snapshot;
mod writer;

#[cfg(test)]
mod tests;

use super::{Snapshot, Storage, Tx};
use crate::base::{Error, Result};
use prometheus::proto::MetricFamily;
use readers::Readers;
use std::fs::File;
use std::path::{Path, PathBuf};
use writer::{Grouping, Writer};

/// State in one SQLite database. The fields are dropped in order: readers first, so that the writer, closing last, can fold
/// the log into the file; the lock when nothing touches the file any more.
pub struct SqliteStorage {
    /// None in memory: there one connection serves readers and writer.
    readers: Option<Readers>,
    writer: Writer,
    /// None in memory.
    path: Option<PathBuf>,
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
        copy::sweep(&path);
        let connection = open::writer(&path)?;
        generation::begin(&connection, &path)?;
        Ok(Self {
            readers: Some(Readers::of(&path)),
            writer: Writer::new(connection, Grouping::Shared),
            path: Some(path),
            _lock: Some(lock),
        })
    }

    /// An empty store in memory, which ends with this value.
    ///
    /// # Errors
    /// `Internal` when SQLite gives no memory.
    pub fn in_memory() -> Result<Self> {
        let writer = Writer::new(open::in_memory()?, Grouping::Alone);
        Ok(Self { readers: None, writer, path: None, _lock: None })
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

    fn back_up(&self) -> Result<(File, u64)> {
        let path = self.path.as_deref();
        copy::of(
            path.ok_or_else(|| Error::bad_request("what is in memory only is not backed up: it ends with the server"))?,
        )
    }

    fn measures(&self) -> Vec<MetricFamily> {
        let mut families = self.writer.measures();
        let size = self.path.as_deref().and_then(measures::file_size);
        families.extend(size.map(|size| {
            measures::gauge("leasehold_storage_bytes", "The database's file and its log, in bytes.", size)
        }));
        families
    }
}

//! The conformance suite on a file and in memory, and what only SQLite can show.

mod groups;
mod opening;
mod plans;

use super::*;
use crate::storage::conformance::conformance;
use tempfile::TempDir;

fn in_file() -> (SqliteStorage, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStorage::open(&directory.path().join("data.db")).unwrap();
    (store, directory)
}

fn in_memory() -> (SqliteStorage, ()) {
    (SqliteStorage::in_memory().unwrap(), ())
}

mod file {
    super::conformance!(super::in_file);
}

mod memory {
    super::conformance!(super::in_memory);
}

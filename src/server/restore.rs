//! Putting a backup back: of a server that does not run.

use crate::base::{Error, Result};
use crate::config::{self, Storage};
use crate::storage::sqlite::copy::{self, Restore};
use std::path::{Path, PathBuf};

/// Puts a backup in the place that a configuration names.
///
/// # Errors
/// One clear line: no such file, no backup, a server that runs, a database in the way.
pub fn run(configuration: &[PathBuf], backup: &Path, replace: bool) -> Result<(PathBuf, Restore)> {
    let (config, _) = config::load(configuration)?;
    match config.required_storage()? {
        Storage::Sqlite { path } => Ok((path.clone(), copy::restore(backup, path, replace)?)),
        Storage::InMemory => {
            Err(Error::bad_request("what is in memory only cannot be restored: write storage \"sqlite\""))
        }
    }
}

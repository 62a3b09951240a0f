//! The lock that makes one process the only user of a database file.
//!
//! It is taken on a file beside the database, never on the database itself: closing any descriptor of that would drop the
//! locks SQLite holds on it.

use crate::base::{Error, Result};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Held until dropped, or until the process ends in whatever way.
pub(super) struct Lock(#[allow(dead_code, reason = "the descriptor is the lock")] OwnedFd);

impl Lock {
    pub(super) fn take(database: &Path) -> Result<Self> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(Path::new(&name), flags, Mode::RUSR | Mode::WUSR).map_err(|error| {
            Error::bad_request(format!("storage {}: its lock file cannot be opened: {error}", database.display()))
        })?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            Errno::WOULDBLOCK => Error::conflict(format!("storage {}: another process holds it", database.display())),
            other => Error::internal(format!("storage {}: it cannot be locked: {other}", database.display())),
        })?;
        Ok(Self(file))
    }
}

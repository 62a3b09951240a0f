//! Whole copies of a database: of one that is in use, to be kept; and of such a copy, to be used. Each is made by SQLite from one
//! snapshot, without what was deleted, and marked as a copy.

use super::session::store_error;
use super::{generation, lock, open};
use crate::base::{Error, Result, random};
use rusqlite::{Connection, OpenFlags};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const BEING_MADE: &str = ".backup-";

/// How often the log tells how far a copy is.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// A copy of the database at `path`, which may be in use, as a file that has no name: it is gone when it is closed.
pub(super) fn of(path: &Path) -> Result<(File, u64)> {
    let name = with(path, &format!("{BEING_MADE}{}", random::uuid()));
    let made = copy(path, &name).and_then(|()| {
        let file = File::open(&name).map_err(|error| unwritable(&name, &error))?;
        let length = file.metadata().map_err(|error| unwritable(&name, &error))?.len();
        Ok((file, length))
    });
    drop(fs::remove_file(&name));
    made
}

/// Deletes what a process that was cut off has left of copies.
pub(super) fn sweep(path: &Path) {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return };
    let prefix = format!("{}{BEING_MADE}", name.to_string_lossy());
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// What a restore has done.
#[derive(Debug, PartialEq, Eq)]
pub struct Restore {
    /// Where the database is that was there before.
    pub moved_aside: Option<PathBuf>,
    pub bytes: u64,
}

/// Puts a copy in place of the database at `path`, which nobody may hold. One that is there already is moved aside where
/// `replace` says so.
///
/// # Errors
/// `BadRequest` for what is no backup, damaged, or newer than this program, and where a database is in the way; `Conflict`
/// while a process holds the place.
pub fn restore(backup: &Path, path: &Path, replace: bool) -> Result<Restore> {
    let path = open::resolve(path)?;
    let _lock = lock::Lock::take(&path)?;
    open::check(backup)?;
    let is_there = fs::metadata(&path).is_ok_and(|there| there.len() > 0);
    if is_there && !replace {
        return Err(Error::bad_request(format!("{} is there already: it is moved aside with -force", path.display())));
    }
    let new = with(&path, &format!("{BEING_MADE}{}", random::uuid()));
    let made = copy(backup, &new).and_then(|()| {
        let bytes = fs::metadata(&new).map_err(|error| unwritable(&new, &error))?.len();
        keep_owner(&path, &new)?;
        let moved_aside = if is_there { Some(move_aside(&path)?) } else { None };
        fs::rename(&new, &path).map_err(|error| unwritable(&path, &error))?;
        sync_directory(&path)?;
        Ok(Restore { moved_aside, bytes })
    });
    drop(fs::remove_file(&new));
    made
}

/// The database with its log, under a name that says when.
fn move_aside(path: &Path) -> Result<PathBuf> {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    let aside = with(path, &format!(".before-restore-{}", since.as_secs()));
    for suffix in ["-wal", "-shm", ""] {
        let from = with(path, suffix);
        if from.exists() {
            fs::rename(&from, with(&aside, suffix)).map_err(|error| unwritable(&from, &error))?;
        }
    }
    Ok(aside)
}

/// What root restores belongs to whoever the place belongs to: the server runs as another user.
fn keep_owner(path: &Path, new: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(path).or_else(|_| fs::metadata(path.parent().unwrap_or(Path::new("."))));
    let owner = owner.map_err(|error| unwritable(path, &error))?;
    std::os::unix::fs::chown(new, Some(owner.uid()), Some(owner.gid())).map_err(|error| unwritable(new, &error))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags).map_err(|error| store_error(&error))?;
    // SQLite takes an empty file for one that it may fill; made here, others cannot read it at any time.
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    drop(made.map_err(|error| unwritable(to, &error))?);
    let text = to.to_str().ok_or_else(|| Error::bad_request(format!("{} is no name in UTF-8", to.display())))?;
    let total = fs::metadata(from).map_or(0, |metadata| metadata.len());
    told_about(to, total, || source.execute("VACUUM INTO ?1", [text]).map_err(|error| store_error(&error)))?;
    let copied = Connection::open(to).map_err(|error| store_error(&error))?;
    generation::mark_copy(&copied)?;
    copied.close().map_err(|(_, error)| store_error(&error))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(|error| unwritable(to, &error))
}

/// Runs long work, while the log tells how far it is.
fn told_about<T>(file: &Path, total: u64, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let teller = scope.spawn(|| {
            loop {
                std::thread::park_timeout(TOLD_EVERY);
                if done.load(Ordering::SeqCst) {
                    return;
                }
                let size = fs::metadata(file).map_or(0, |metadata| metadata.len());
                log::info!("a copy of the storage is being made: {} of about {} MiB", size >> 20, total >> 20);
            }
        });
        let outcome = work();
        done.store(true, Ordering::SeqCst);
        teller.thread().unpark();
        outcome
    })
}

fn sync_directory(path: &Path) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| unwritable(directory, &error))
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::bad_request(format!("{}: {error}", path.display()))
}

//! Whether the file is the one that was here when it was closed. Each opening gives it a new generation, a random name in the file
//! and in a small file beside it, with the machine and the inode. A backup, a copy and an older version put back do not go with
//! what stands beside them.
//!
//! Invariant: whenever the process ends, the two go together, or the note that they do not is in the database.

use crate::base::{Error, Result, Timestamp, random};
use crate::storage::Tx;
use crate::storage::restored::Restored;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::session::{Session, store_error};

const META_KEY: &str = "generation";

/// What a copy that this program made has in place of a generation.
const COPY: &str = "copy";

/// What stands beside the file.
#[derive(Serialize, Deserialize)]
struct Beside {
    generation: String,
    /// The one that is about to be written into the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// A hash of the machine's id.
    machine: String,
    inode: u64,
}

/// Notices a file that is not the one that was here, notes it in the file, and gives the file its next generation.
pub(super) fn begin(connection: &Connection, path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::bad_request(format!("storage {}: {error}", beside(path).display()));
    let here = Beside {
        generation: generation_of(connection)?.unwrap_or_default(),
        next: Some(random::uuid()),
        machine: machine(),
        inode: fs::metadata(path).map_err(failed)?.ino(),
    };
    let next = here.next.clone().unwrap_or_default();
    let stranger = what_differs(&here, read(path).as_ref());
    // Of a file that belongs here, what stands beside it knows both generations before the file has the next.
    if stranger.is_none() {
        write(path, &here).map_err(failed)?;
    }
    in_transaction(connection, |session| {
        session.set_meta(META_KEY, next.as_bytes())?;
        if let Some(reason) = &stranger
            && Restored::load(session)?.is_none()
        {
            Restored { at: now(), reason: (*reason).to_owned() }.store(session)?;
        }
        Ok(())
    })?;
    write(path, &Beside { generation: next, next: None, ..here }).map_err(failed)?;
    if let Some(reason) = stranger {
        log::warn!("storage {}: {reason}", path.display());
    }
    Ok(())
}

/// Marks a copy as one.
pub(super) fn mark_copy(connection: &Connection) -> Result<()> {
    in_transaction(connection, |session| session.set_meta(META_KEY, COPY.as_bytes()))
}

/// Why the file is not the one that was here; none where it is, or was never asked.
fn what_differs(here: &Beside, beside: Option<&Beside>) -> Option<&'static str> {
    match (here.generation.as_str(), beside) {
        // A new file, or one from before generations.
        ("", None) => None,
        (COPY, _) => Some("it is a backup that was restored"),
        (_, None) => Some("it was copied from elsewhere: the file with its generation is not beside it"),
        (generation, Some(beside)) => {
            let known = generation == beside.generation || beside.next.as_deref() == Some(generation);
            let other_machine =
                !here.machine.is_empty() && !beside.machine.is_empty() && here.machine != beside.machine;
            if !known {
                Some("another version of it was put in its place")
            } else if other_machine {
                Some("it was copied from another machine")
            } else if here.inode != beside.inode {
                Some("it was copied from elsewhere: it is another file than the one that was here")
            } else {
                None
            }
        }
    }
}

fn generation_of(connection: &Connection) -> Result<Option<String>> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    let stored: Option<Vec<u8>> =
        connection.query_row(sql, [META_KEY], |row| row.get(0)).optional().map_err(|error| store_error(&error))?;
    Ok(stored.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn in_transaction(connection: &Connection, change: impl FnOnce(&mut Session<'_>) -> Result<()>) -> Result<()> {
    let run = |sql| connection.execute_batch(sql).map_err(|error| store_error(&error));
    run("BEGIN IMMEDIATE")?;
    match change(&mut Session::on(connection)) {
        Ok(()) => run("COMMIT"),
        Err(error) => {
            run("ROLLBACK")?;
            Err(error)
        }
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".generation");
    name.into()
}

/// What cannot be read or understood says nothing, and the file is taken for a copy.
fn read(path: &Path) -> Option<Beside> {
    serde_json::from_slice(&fs::read(beside(path)).ok()?).ok()
}

fn write(path: &Path, content: &Beside) -> std::io::Result<()> {
    let (to, mut new) = (beside(path), beside(path).into_os_string());
    new.push(".new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(content)?)?;
    file.sync_all()?;
    fs::rename(&new, &to)?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// The id itself is nobody's business who finds a backup.
fn machine() -> String {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    match id.trim() {
        "" | "uninitialized" => String::new(),
        id => blake3::hash(format!("leasehold machine {id}").as_bytes()).to_hex()[..16].to_owned(),
    }
}

/// The wall clock: leases that were issued before this moment are older than the restore.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

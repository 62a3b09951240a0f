//! Opening: the file and its mode, the settings of a connection, and bringing the schema up to date.
//!
//! Errors here are read by whoever starts the server, so each is one line that names the file and what is wrong with it.

use super::session::store_error;
use crate::base::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Marks a file as ours (`lshd` in ASCII), so that a stranger's database is never written to.
const APPLICATION_ID: i64 = 0x6c73_6864;

/// More than the distinct statements of this folder, so that none is compiled twice on a connection.
const STATEMENTS_KEPT: usize = 128;

/// How long to wait for an outside tool (a backup) that holds SQLite's own lock.
const PATIENCE: Duration = Duration::from_secs(10);

const EVERY_CONNECTION: &str = "
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA foreign_keys = ON;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
";

/// `auto_vacuum` comes first: it takes effect only while the file is empty.
const WRITER: &str = "
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = FAST;
    PRAGMA cache_size = -2048;
    PRAGMA wal_autocheckpoint = 1000;
    PRAGMA journal_size_limit = 8388608;
";

const READER: &str = "
    PRAGMA query_only = ON;
    PRAGMA cache_size = -512;
";

/// The real path of the database, so that two spellings of it meet at one lock.
pub(super) fn resolve(path: &Path) -> Result<PathBuf> {
    let wrong = |what: &str| Error::bad_request(format!("storage {}: {what}", path.display()));
    if let Ok(real) = fs::canonicalize(path) {
        return if real.is_file() { Ok(real) } else { Err(wrong("it is not a file")) };
    }
    let name = path.file_name().ok_or_else(|| wrong("this is not the name of a file"))?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = fs::canonicalize(directory)
        .map_err(|error| wrong(&format!("directory {} cannot be used: {error}", directory.display())))?;
    Ok(directory.join(name))
}

/// Makes the file if there is none, readable and writable by its owner alone whatever the umask. SQLite gives the files it
/// puts beside it the same mode.
pub(super) fn create_file(path: &Path) -> Result<()> {
    let wrong = |error: Errno| Error::bad_request(format!("storage {}: it is not writable: {error}", path.display()));
    let owner_only = Mode::RUSR | Mode::WUSR;
    let base = OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(path, base | OFlags::CREATE | OFlags::EXCL, owner_only) {
        Ok(file) => {
            rustix::fs::fchmod(&file, owner_only).map_err(wrong)?;
            sync_directory_of(path)
        }
        Err(Errno::EXIST) => {
            // Nobody in this process has it open yet (the lock is ours), so closing this descriptor drops no lock.
            rustix::fs::open(path, base, Mode::empty()).map_err(wrong)?;
            withdraw_access_of_others(path)
        }
        Err(error) => Err(wrong(error)),
    }
}

fn sync_directory_of(path: &Path) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| Error::bad_request(format!("storage {}: {error}", path.display())))
}

fn withdraw_access_of_others(path: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let Ok(metadata) = fs::metadata(&name) else { continue };
        if metadata.permissions().mode() & 0o077 != 0 {
            log::warn!("storage {}: others could read it; now only its owner can", Path::new(&name).display());
            fs::set_permissions(&name, fs::Permissions::from_mode(0o600))
                .map_err(|error| Error::bad_request(format!("storage {}: {error}", path.display())))?;
        }
    }
    Ok(())
}

pub(super) fn writer(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
        .map_err(opening_error)
        .and_then(prepare_writer)
        .map_err(|error| error.context(format!("storage {}", path.display())))
}

pub(super) fn in_memory() -> Result<Connection> {
    Connection::open_in_memory().map_err(opening_error).and_then(prepare_writer)
}

pub(super) fn reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| store_error(&error))?;
    configure(&connection, READER).map_err(|error| store_error(&error))?;
    Ok(connection)
}

/// Whether a file is a database of this program that it can use: ours, whole, and not newer.
pub(super) fn check(path: &Path) -> Result<()> {
    let check = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(opening_error)?;
        let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(opening_error)?;
        if id != APPLICATION_ID {
            return Err(Error::bad_request("it is no backup of this program"));
        }
        check_migrations(&connection)?;
        let sound: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(opening_error)?;
        if sound == "ok" { Ok(()) } else { Err(Error::bad_request("it is damaged").caused_by(sound)) }
    };
    check().map_err(|error| error.context(path.display()))
}

fn prepare_writer(mut connection: Connection) -> Result<Connection> {
    configure(&connection, WRITER).map_err(opening_error)?;
    claim_file(&connection)?;
    use_log(&connection)?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn configure(connection: &Connection, settings: &str) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.execute_batch(EVERY_CONNECTION)?;
    connection.execute_batch(settings)
}

/// Refuses a database that is not ours, and marks an empty one.
fn claim_file(connection: &Connection) -> Result<()> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(opening_error);
    if number("PRAGMA application_id")? == APPLICATION_ID {
        return Ok(());
    }
    if number("SELECT count(*) FROM sqlite_schema")? > 0 {
        return Err(Error::bad_request("it is a database of another program"));
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(opening_error)
}

/// Switches to the write-ahead log, where readers and the writer do not wait for each other.
fn use_log(connection: &Connection) -> Result<()> {
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(opening_error)?;
    match mode.as_str() {
        "wal" | "memory" => Ok(()),
        other => Err(Error::bad_request(format!("its file system allows no write-ahead log (only {other})"))),
    }
}

/// Applies what is missing, all or nothing, after checking that what is there is what this program knows.
fn migrate(connection: &mut Connection) -> Result<()> {
    let runner = embedded::migrations::runner().set_grouped(true);
    if check_migrations(connection)? == runner.get_migrations().len() {
        return Ok(());
    }
    runner
        .run(connection)
        .map_err(|error| Error::internal("its schema cannot be brought up to date").caused_by(error))?;
    Ok(())
}

/// How many migrations the file has had, all of which this program knows.
fn check_migrations(connection: &Connection) -> Result<usize> {
    let runner = embedded::migrations::runner();
    let applied = applied_migrations(connection)?;
    let known = runner.get_migrations();
    for (version, checksum) in &applied {
        match known.iter().find(|migration| i64::from(migration.version()) == *version) {
            None => return Err(Error::bad_request(format!("it is newer than this program (schema {version})"))),
            Some(migration) if migration.checksum().to_string() != *checksum => {
                return Err(Error::bad_request(format!("its schema {version} is not the one this program knows")));
            }
            Some(_) => {}
        }
    }
    Ok(applied.len())
}

/// Version and checksum of every migration that the file has had. Read here and not by the migrator, which trusts the file.
fn applied_migrations(connection: &Connection) -> Result<Vec<(i64, String)>> {
    let history = connection.table_exists(None, "refinery_schema_history").map_err(opening_error)?;
    if !history {
        return Ok(Vec::new());
    }
    connection
        .prepare("SELECT version, checksum FROM refinery_schema_history ORDER BY version")
        .and_then(|mut statement| statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .map_err(opening_error)
}

fn opening_error(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Error::bad_request("it is not a database"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::conflict("another program has locked it"),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Error::bad_request("it is not writable").caused_by(error)
        }
        _ => store_error(&error),
    }
}

//! Opening a file: who may read it, who may hold it, and what is refused in which words.

use crate::base::Kind;
use crate::storage::Storage;
use crate::storage::sqlite::SqliteStorage;
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn refused(path: &Path) -> String {
    let message = SqliteStorage::open(path).err().unwrap().message().to_owned();
    assert!(!message.contains('\n'));
    let start = format!("storage {}: ", path.display());
    message.strip_prefix(&start).unwrap_or_else(|| panic!("{message:?} does not name {path:?}")).to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn directory() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap().join("data.db");
    (directory, path)
}

/// Closes a new database and edits it with SQL.
fn edited(sql: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let (directory, path) = directory();
    drop(SqliteStorage::open(&path).unwrap());
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (directory, path)
}

#[test]
fn every_file_is_readable_by_its_owner_alone() {
    let (_directory, path) = directory();
    let store = SqliteStorage::open(&path).unwrap();
    (&store as &dyn Storage).writing(|tx| tx.set_meta("a", b"b")).unwrap();
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let file = format!("{}{suffix}", path.display());
        assert_eq!(mode(Path::new(&file)), 0o600, "{file}");
    }
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them() {
    let (_directory, path) = edited("");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _store = SqliteStorage::open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn what_was_written_is_there_when_opened_again() {
    let (_directory, path) = directory();
    for round in 0..3_u8 {
        let store = SqliteStorage::open(&path).unwrap();
        let store: &dyn Storage = &store;
        assert_eq!(store.kind(), "sqlite");
        assert_eq!(store.reading(|s| s.meta("round")).unwrap(), round.checked_sub(1).map(|before| vec![before]));
        store.writing(|tx| tx.set_meta("round", &[round])).unwrap();
    }
    assert!(!path.with_extension("db-wal").exists(), "closing folds the log into the file");
}

#[test]
fn the_settings_hold_from_the_first_file_on() {
    let (_directory, path) = edited("");
    let connection = Connection::open(&path).unwrap();
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("PRAGMA auto_vacuum"), 2);
    let log: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(log, "wal");
    let loose = "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND NOT strict
                 AND name NOT LIKE 'sqlite_%' AND name <> 'refinery_schema_history'";
    assert_eq!(number(loose), 0, "all tables are strict");
}

#[test]
fn a_second_holder_is_refused_until_the_first_is_gone() {
    let (directory, path) = directory();
    let first = SqliteStorage::open(&path).unwrap();
    let error = SqliteStorage::open(&path).err().unwrap();
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(refused(&path), "another process holds it");
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let through_link = SqliteStorage::open(&link).err().unwrap();
    assert!(through_link.message().ends_with("another process holds it"));
    drop(first);
    SqliteStorage::open(&path).unwrap();
}

#[test]
fn what_cannot_be_opened_is_said_in_one_line() {
    let (directory, path) = directory();
    assert!(refused(&directory.path().join("none/data.db")).contains("none cannot be used"));
    assert_eq!(refused(directory.path()), "it is not a file");
    assert!(refused(Path::new("/proc/data.db")).contains("cannot be opened"));
    fs::write(
        &path,
        "This is a text, and longer than the header of a database: it has more than a hundred characters.",
    )
    .unwrap();
    assert_eq!(refused(&path), "it is not a database");
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let (_directory, path) = directory();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(refused(&path), "it is a database of another program");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_newer_than_this_program_is_refused() {
    let (_directory, path) =
        edited("INSERT INTO refinery_schema_history VALUES (9999, 'later', '2030-01-01T00:00:00Z', '1')");
    assert_eq!(refused(&path), "it is newer than this program (schema 9999)");
}

#[test]
fn a_schema_that_was_changed_since_is_refused() {
    let (_directory, path) = edited("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 1");
    assert_eq!(refused(&path), "its schema 1 is not the one this program knows");
}

#[test]
fn a_row_with_a_damaged_column_is_left_out_and_the_rest_is_listed() {
    let (_directory, path) = directory();
    let lease = || crate::storage::conformance::lease();
    let ids = {
        let store = SqliteStorage::open(&path).unwrap();
        let store: &dyn Storage = &store;
        store.writing(|tx| Ok([tx.lease_insert(&lease())?, tx.lease_insert(&lease())?])).unwrap()
    };
    Connection::open(&path).unwrap().execute("UPDATE leases SET key = x'00' WHERE id = ?1", [ids[0]]).unwrap();
    let store = SqliteStorage::open(&path).unwrap();
    let store: &dyn Storage = &store;
    let listed = store.reading(|s| s.leases_of_mount(&crate::storage::conformance::MOUNT, 0, 10)).unwrap();
    assert_eq!(listed.iter().map(|lease| lease.id).collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(store.reading(|s| s.lease(ids[0])).unwrap_err().kind(), Kind::Internal);
}

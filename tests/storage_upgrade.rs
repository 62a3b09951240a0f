//! Bringing a file of an earlier version up to date is all or nothing: a process that is killed in the middle of it leaves the file as
//! it was or as it is to be, and the next start goes on from there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use leasehold::storage::sqlite::SqliteStorage;
use leasehold::storage::{Counted, Snapshot, Storage};
use rusqlite::Connection;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

mod embedded {
    refinery::embed_migrations!("migrations");
}

const TEST: &str = "an_upgrade_that_is_cut_off_loses_nothing_and_is_made_up_for";
const FILE: &str = "LEASEHOLD_TEST_UPGRADE";
const MOUNT: [u8; 16] = [7; 16];

/// Enough for the last migration to take a while.
const LEASES: u32 = 5000;

/// Milliseconds from the start of the process to its end.
const KILL_AFTER: [u64; 14] = [2, 5, 8, 12, 16, 20, 26, 32, 40, 50, 65, 80, 120, 200];

#[test]
fn an_upgrade_that_is_cut_off_loses_nothing_and_is_made_up_for() {
    if let Some(path) = std::env::var_os(FILE) {
        drop(SqliteStorage::open(Path::new(&path)).unwrap());
        std::thread::sleep(Duration::from_secs(600));
    }
    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("old.db");
    make(&old);
    for (round, after) in KILL_AFTER.into_iter().enumerate() {
        let path = directory.path().join(format!("{round}.db"));
        std::fs::copy(&old, &path).unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--test-threads=1"])
            .env(FILE, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(after));
        process.kill().unwrap();
        process.wait().unwrap();
        check(&path, after);
    }
}

/// A file as the third version left it.
fn make(path: &Path) {
    let mut connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;").unwrap();
    connection.pragma_update(None, "application_id", 0x6c73_6864).unwrap();
    embedded::migrations::runner().set_target(refinery::Target::Version(3)).run(&mut connection).unwrap();
    let transaction = connection.transaction().unwrap();
    for n in 0..LEASES {
        let sql = "INSERT INTO leases (key, parent, mount, node, kind, state, issued, sealed) VALUES (?1, 0, ?2, 1, 2, 2, 0, x'00')";
        let mut key = [0; 24];
        key[..4].copy_from_slice(&n.to_be_bytes());
        transaction.execute(sql, (key, MOUNT)).unwrap();
    }
    transaction.commit().unwrap();
    connection.close().unwrap();
}

fn check(path: &Path, after: u64) {
    let store = SqliteStorage::open(path).unwrap_or_else(|error| panic!("after {after} ms: {error:?}"));
    let store: &dyn Storage = &store;
    let counted = store.reading(|s: &dyn Snapshot| s.lease_count(&Counted::Mount(MOUNT))).unwrap();
    assert_eq!(counted, u64::from(LEASES), "after {after} ms");
    let last =
        store.reading(|s: &dyn Snapshot| Ok(s.leases_of_mount(&MOUNT, i64::from(LEASES) - 1, 10)?.len())).unwrap();
    assert_eq!(last, 1);
}

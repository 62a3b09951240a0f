//! Acknowledged is durable: a process is killed in the middle of concurrent writes, and everything it said was written is
//! there when the file is opened again, each change whole.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use leasehold::base::Timestamp;
use leasehold::storage::sqlite::SqliteStorage;
use leasehold::storage::{LeaseKey, LeaseKind, LeaseState, NewLease, Snapshot, Storage};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

const TEST: &str = "what_was_acknowledged_survives_kill_9";
const FILE_OF_WRITER: &str = "LEASEHOLD_TEST_WRITE_TO";
const WRITERS: u64 = 8;
const ACKNOWLEDGED_BEFORE_THE_KILL: usize = 300;

#[test]
fn what_was_acknowledged_survives_kill_9() {
    if let Some(path) = std::env::var_os(FILE_OF_WRITER) {
        write_until_killed(Path::new(&path));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        acknowledged.extend(run_and_kill(&path));
        let store = SqliteStorage::open(&path).unwrap();
        check(&store, &acknowledged);
    }
}

/// Starts this test again as the writing process, kills it when it has acknowledged enough, and returns all it did.
fn run_and_kill(path: &Path) -> Vec<(u64, u64)> {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--test-threads=1"])
        .env(FILE_OF_WRITER, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(writer.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        let (writer_number, count) = line.split_once(' ').unwrap_or_else(|| panic!("the writer failed: {line}"));
        acknowledged.push((writer_number.parse().unwrap(), count.parse().unwrap()));
        if acknowledged.len() == ACKNOWLEDGED_BEFORE_THE_KILL {
            writer.kill().unwrap();
        }
    }
    assert!(!writer.wait().unwrap().success());
    assert!(acknowledged.len() >= ACKNOWLEDGED_BEFORE_THE_KILL);
    acknowledged
}

fn check(store: &dyn Storage, acknowledged: &[(u64, u64)]) {
    let there =
        |snapshot: &dyn Snapshot, writer, count| snapshot.lease_by_key(&key(writer, count)).map(|row| row.is_some());
    for (writer, count) in acknowledged {
        assert!(store.reading(|s| there(s, *writer, *count)).unwrap(), "{writer} {count} is lost");
    }
    for writer in 0..WRITERS {
        let last = store.reading(|s| count_of(s, writer)).unwrap();
        assert!(last == 0 || store.reading(|s| there(s, writer, last)).unwrap(), "a change was cut in half");
        assert!(!store.reading(|s| there(s, writer, last + 1)).unwrap(), "a change was cut in half");
    }
}

/// Each writer counts in one row and inserts another, in one change, and says so when it is acknowledged.
fn write_until_killed(path: &Path) -> ! {
    let store = SqliteStorage::open(path).unwrap();
    let store: &dyn Storage = &store;
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                loop {
                    let count = store.writing(|tx| {
                        let count = count_of(tx, writer)? + 1;
                        tx.set_meta(&writer.to_string(), &count.to_be_bytes())?;
                        tx.lease_insert(&lease(key(writer, count)))?;
                        Ok(count)
                    });
                    // One write of a short line to a pipe is whole or not at all.
                    let line = format!("{writer} {}\n", count.unwrap());
                    std::io::stderr().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
    unreachable!("the writers never stop")
}

fn count_of(snapshot: &(impl Snapshot + ?Sized), writer: u64) -> leasehold::base::Result<u64> {
    let stored = snapshot.meta(&writer.to_string())?;
    Ok(stored.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap())))
}

fn key(writer: u64, count: u64) -> LeaseKey {
    let mut key = LeaseKey::default();
    key[..8].copy_from_slice(&count.to_be_bytes());
    key[8..16].copy_from_slice(&writer.to_be_bytes());
    key
}

fn lease(key: LeaseKey) -> NewLease {
    NewLease {
        key,
        parent: 1,
        mount: [1; 16],
        node: 0,
        kind: LeaseKind::Token,
        state: LeaseState::Active,
        issued: Timestamp(0),
        expires: Some(Timestamp(1)),
        maximum: None,
        due: Some(Timestamp(1)),
        accessor: None,
        entity: None,
        role: None,
        subject: None,
        target: None,
        sealed: vec![7; 300],
    }
}

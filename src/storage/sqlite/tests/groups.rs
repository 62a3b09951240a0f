//! Group commit: acknowledged is durable, and a group that cannot be committed is acknowledged to nobody.

use super::in_file;
use crate::base::{Kind, Result};
use crate::storage::sqlite::SqliteStorage;
use crate::storage::{NewLease, Storage, Tx, conformance::lease};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

type Change<'a> = dyn Fn(&mut dyn Tx) -> Result<()> + Sync + 'a;

/// A store whose groups end only when nobody waits, however slow the machine is.
fn patient() -> (SqliteStorage, TempDir) {
    let (mut store, directory) = in_file();
    store.writer.longest_group = Duration::MAX;
    (store, directory)
}

/// Runs the changes as one group: the first holds the writer until the rest wait for it; from then on somebody always waits,
/// but for the last.
fn as_one_group(store: &SqliteStorage, changes: &[&Change<'_>]) -> Vec<Result<()>> {
    let asked = AtomicUsize::new(0);
    let all_wait = || store.writer.waiting() == changes.len() - 1;
    let run = |change: &Change<'_>| {
        store.write(&mut |tx| {
            if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                while !all_wait() {
                    thread::yield_now();
                }
            }
            change(tx)
        })
    };
    thread::scope(|scope| {
        let threads: Vec<_> = changes.iter().map(|change| scope.spawn(|| run(change))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn meta(store: &SqliteStorage, key: &str) -> Option<Vec<u8>> {
    (store as &dyn Storage).reading(|s| s.meta(key)).unwrap()
}

#[test]
fn changes_that_wait_for_each_other_share_a_commit() {
    let (store, _directory) = patient();
    let before = store.writer.commits();
    let results =
        as_one_group(&store, &[&|tx| tx.set_meta("a", b""), &|tx| tx.set_meta("b", b""), &|tx| tx.set_meta("c", b"")]);
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(store.writer.commits() - before, 1);
}

#[test]
fn a_commit_that_fails_fails_its_whole_group_and_nothing_of_it_stays() {
    let (store, _directory) = patient();
    store.writer.fail_next_commit();
    let results =
        as_one_group(&store, &[&|tx| tx.set_meta("a", b""), &|tx| tx.set_meta("b", b""), &|tx| tx.set_meta("c", b"")]);
    for result in results {
        assert_eq!(result.unwrap_err().kind(), Kind::Internal);
    }
    assert!(["a", "b", "c"].iter().all(|key| meta(&store, key).is_none()));
    let next = as_one_group(&store, &[&|tx| tx.set_meta("a", b""), &|tx| tx.set_meta("b", b"")]);
    assert!(next.iter().all(Result::is_ok), "the writer goes on");
    assert!(meta(&store, "a").is_some());
}

#[test]
fn a_transaction_lost_in_the_middle_fails_all_who_were_in_it() {
    let (store, _directory) = patient();
    store.writer.execute(
        "CREATE TRIGGER lose BEFORE INSERT ON meta WHEN NEW.key = 'lose' BEGIN SELECT RAISE (ROLLBACK, 'lost'); END",
    );
    let lost = |tx: &mut dyn Tx| {
        assert!(tx.set_meta("lose", b"").is_err());
        tx.set_meta("last", b"")
    };
    let results = as_one_group(&store, &[&|tx| tx.set_meta("a", b""), &|tx| tx.set_meta("b", b""), &lost]);
    // Whoever came before the loss fails with it; who came after is in the next group.
    let kept = ["a", "b"].map(|key| meta(&store, key).is_some());
    assert_eq!(kept, [results[0].is_ok(), results[1].is_ok()]);
    assert!(results[2].is_err());
    assert_eq!(meta(&store, "last"), None);
    (&store as &dyn Storage).writing(|tx| tx.set_meta("next", b"")).unwrap();
}

#[test]
fn a_full_disk_is_an_error_that_leaves_nothing_and_passes() {
    let (store, _directory) = in_file();
    store.writer.execute("PRAGMA max_page_count = 1");
    let large = vec![1; 1 << 20];
    let write = &|key: usize| {
        let store: &dyn Storage = &store;
        store.writing(|tx| tx.set_meta(&format!("large{key}"), &large))
    };
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|key| scope.spawn(move || write(key))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (key, result) in results.into_iter().enumerate() {
        assert_eq!(result.unwrap_err().kind(), Kind::Internal);
        assert_eq!(meta(&store, &format!("large{key}")), None);
    }
    store.writer.execute("PRAGMA max_page_count = 1073741823");
    (&store as &dyn Storage).writing(|tx| tx.set_meta("large", &large)).unwrap();
}

#[test]
fn a_change_that_goes_on_after_the_disk_was_full_cannot_write_or_succeed() {
    let (store, _directory) = in_file();
    store.writer.execute("PRAGMA max_page_count = 1");
    let result = (&store as &dyn Storage).writing(|tx| {
        assert!(tx.set_meta("large", &vec![1; 1 << 20]).is_err());
        assert!(tx.set_meta("small", b"").is_err());
        Ok(())
    });
    assert_eq!(result.unwrap_err().kind(), Kind::Internal);
    assert_eq!(meta(&store, "small"), None);
}

#[test]
fn a_panic_in_the_middle_of_a_group_is_its_own() {
    let (store, _directory) = in_file();
    let panics = |_: &mut dyn Tx| -> Result<()> { std::panic::resume_unwind(Box::new("on purpose")) };
    let start = Barrier::new(3);
    thread::scope(|scope| {
        for key in ["a", "b"] {
            let (store, start) = (&store as &dyn Storage, &start);
            scope.spawn(move || {
                start.wait();
                (0..100).for_each(|_| store.writing(|tx| tx.set_meta(key, b"")).unwrap());
            });
        }
        start.wait();
        for _ in 0..100 {
            assert!(catch_unwind(AssertUnwindSafe(|| store.write(&mut |tx| panics(tx)))).is_err());
        }
    });
    assert!(meta(&store, "a").is_some() && meta(&store, "b").is_some());
}

#[test]
fn what_32_threads_were_told_is_durable_is_there_after_opening_again() {
    let (store, directory) = in_file();
    let path = directory.path().join("data.db");
    let acknowledged: Vec<NewLease> = thread::scope(|scope| {
        let write = || {
            let leases: Vec<_> = (0..40).map(|_| lease()).collect();
            leases.iter().for_each(|lease| {
                (&store as &dyn Storage).writing(|tx| tx.lease_insert(lease)).unwrap();
            });
            leases
        };
        let threads: Vec<_> = (0..32).map(|_| scope.spawn(write)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(store.writer.commits() < 32 * 40, "commits were shared");
    drop(store);
    let store = SqliteStorage::open(&path).unwrap();
    let store: &dyn Storage = &store;
    for lease in acknowledged {
        assert!(store.reading(|s| s.lease_by_key(&lease.key)).unwrap().is_some());
    }
}

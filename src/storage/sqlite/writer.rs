//! The one writer, and group commit: changes that wait for each other share a transaction and its fsync.
//!
//! There is no writer thread, so that a change may borrow from its caller. Whoever holds the connection runs its change in a
//! savepoint of the open transaction. If somebody else is already waiting for the connection, the commit is left to them;
//! the last of the group commits for all, and wakes them. See `docs/adr/0004-storage.md`.
//!
//! Invariant: every holder of the connection either finds somebody waiting, who will hold it next, or ends the group itself.
//! So no group is left open, whatever a change does: fail, panic, or lose the transaction.

use super::measures::{self, Commits};
use super::session::{Session, execute, store_error};
use crate::base::{Error, Result};
use crate::storage::{Snapshot, Tx};
use prometheus::proto::MetricFamily;
use rusqlite::Connection;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A group ends at this many members, or when this time has passed, even if more wait: the first must not wait for ever.
const LARGEST_GROUP: usize = 256;
const LONGEST_GROUP: Duration = Duration::from_millis(5);

/// Whether changes share transactions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Grouping {
    Shared,
    /// Each by itself: in memory there is no fsync to share, and readers on the same connection must see no open group.
    Alone,
}

pub(super) struct Writer {
    grouping: Grouping,
    pub(super) longest_group: Duration,
    /// Callers that have asked for the connection and do not hold it yet.
    waiting: AtomicUsize,
    /// The thread that holds the connection (its [`thread_number`]); zero when none does.
    holder: AtomicU64,
    held: Mutex<Held>,
    commits: Arc<Commits>,
}

/// What only the holder of the connection touches.
struct Held {
    connection: Connection,
    /// Some while a transaction is open.
    group: Option<OpenGroup>,
    commits: Arc<Commits>,
    #[cfg(test)]
    fail_next_commit: bool,
    #[cfg(test)]
    committed: usize,
}

struct OpenGroup {
    members: usize,
    began: Instant,
    outcome: Arc<Outcome>,
}

/// How a group ended, for the members that left the commit to another. An error is kept as text: it has many readers.
#[derive(Default)]
struct Outcome {
    ended: Mutex<Option<Result<(), String>>>,
    changed: Condvar,
}

impl Writer {
    pub(super) fn new(connection: Connection, grouping: Grouping) -> Self {
        let commits = Arc::<Commits>::default();
        let held = Held {
            connection,
            group: None,
            commits: commits.clone(),
            #[cfg(test)]
            fail_next_commit: false,
            #[cfg(test)]
            committed: 0,
        };
        Self {
            grouping,
            longest_group: LONGEST_GROUP,
            waiting: AtomicUsize::new(0),
            holder: AtomicU64::new(0),
            held: Mutex::new(held),
            commits,
        }
    }

    /// Runs `change` and returns when its group is durable. A change's own error is held back as long: it may rest on what
    /// an earlier member of the group wrote.
    pub(super) fn write(&self, change: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        let mut held = self.hold()?;
        let outcome = held.join_group()?;
        let result = held.run(change);
        if self.must_end(&held) {
            held.end_group();
        }
        drop(held);
        let ended = outcome.wait();
        match result {
            Ok(result) => ended.and(result),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// What the writer has measured.
    pub(super) fn measures(&self) -> Vec<MetricFamily> {
        let mut families = self.commits.families();
        let waiting = u64::try_from(self.waiting.load(Ordering::SeqCst)).unwrap_or(u64::MAX);
        families.push(measures::gauge(
            "leasehold_storage_waiting_writes",
            "Changes that wait for the writer.",
            waiting,
        ));
        families
    }

    /// Runs `question` between two groups, for a store that has no other connection.
    pub(super) fn read(&self, question: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()> {
        let held = self.hold()?;
        question(&Session::on(&held.connection))
    }

    fn hold(&self) -> Result<Holding<'_>> {
        let thread = thread_number();
        if self.holder.load(Ordering::Relaxed) == thread {
            return Err(Error::internal("a change was begun inside another"));
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        self.holder.store(thread, Ordering::Relaxed);
        Ok(Holding { held, holder: &self.holder })
    }

    fn must_end(&self, held: &Held) -> bool {
        let Some(group) = &held.group else { return false };
        self.grouping == Grouping::Alone
            || self.waiting.load(Ordering::SeqCst) == 0
            || group.members >= LARGEST_GROUP
            || group.began.elapsed() >= self.longest_group
    }
}

impl Held {
    /// Joins the open group, or opens one.
    fn join_group(&mut self) -> Result<Arc<Outcome>> {
        if let Some(group) = &mut self.group {
            group.members += 1;
            return Ok(Arc::clone(&group.outcome));
        }
        self.roll_back();
        execute(&self.connection, "BEGIN IMMEDIATE").map_err(|error| store_error(&error))?;
        let outcome = Arc::new(Outcome::default());
        self.group = Some(OpenGroup { members: 1, began: Instant::now(), outcome: Arc::clone(&outcome) });
        Ok(outcome)
    }

    /// Runs one change in a savepoint, and undoes it alone when it fails or panics; the outer result is the panic.
    fn run(&mut self, change: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> thread::Result<Result<()>> {
        if let Err(error) = execute(&self.connection, "SAVEPOINT change") {
            self.fail_group(&error.to_string());
            return Ok(Err(store_error(&error)));
        }
        let mut session = Session::on(&self.connection);
        let result = catch_unwind(AssertUnwindSafe(|| change(&mut session)));
        let broken = session.is_broken();
        let keep = matches!(result, Ok(Ok(()))) && !broken;
        self.leave_savepoint(keep);
        match result {
            Ok(Ok(())) if broken => Ok(Err(Error::internal("the storage failed inside a change"))),
            other => other,
        }
    }

    /// Ends the savepoint. Where SQLite has rolled the whole transaction back by itself (disk full, I/O error), or cannot
    /// even undo the savepoint, the group is lost.
    fn leave_savepoint(&mut self, keep: bool) {
        if self.connection.is_autocommit() {
            return self.fail_group("the transaction was rolled back by a failure within it");
        }
        let left = if keep {
            execute(&self.connection, "RELEASE change")
        } else {
            execute(&self.connection, "ROLLBACK TO change").and_then(|()| execute(&self.connection, "RELEASE change"))
        };
        if let Err(error) = left {
            self.fail_group(&error.to_string());
        }
    }

    /// Commits for the whole group.
    fn end_group(&mut self) {
        let began = Instant::now();
        match self.commit() {
            Ok(()) => {
                if let Some(group) = self.group.take() {
                    self.commits.note(group.members, began.elapsed());
                    group.outcome.end(Ok(()));
                }
            }
            Err(error) => self.fail_group(&error.to_string()),
        }
    }

    fn commit(&mut self) -> rusqlite::Result<()> {
        #[cfg(test)]
        if std::mem::take(&mut self.fail_next_commit) {
            // A foreign key that is checked, and violated, at the commit: a commit that truly fails, not one we pretend.
            self.connection
                .execute_batch("PRAGMA defer_foreign_keys = ON; INSERT INTO records VALUES (-1, x'', NULL)")?;
        }
        #[cfg(test)]
        {
            self.committed += 1;
        }
        execute(&self.connection, "COMMIT")
    }

    /// Rolls back what is left of the transaction and fails every member of the group.
    fn fail_group(&mut self, reason: &str) {
        self.roll_back();
        if let Some(group) = self.group.take() {
            group.outcome.end(Err(reason.to_owned()));
        }
    }

    /// Should this fail, it is tried again before the next group.
    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = execute(&self.connection, "ROLLBACK")
        {
            log::error!("storage: a failed transaction cannot be rolled back: {error}");
        }
    }
}

impl Outcome {
    fn end(&self, result: Result<(), String>) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        self.changed.notify_all();
    }

    fn wait(&self) -> Result<()> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*ended {
                Some(Ok(())) => return Ok(()),
                Some(Err(reason)) => {
                    return Err(Error::internal("the storage could not write").caused_by(reason.clone()));
                }
                None => ended = self.changed.wait(ended).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// The connection, in this thread's hands.
struct Holding<'a> {
    held: MutexGuard<'a, Held>,
    holder: &'a AtomicU64,
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.holder.store(0, Ordering::Relaxed);
    }
}

impl std::ops::Deref for Holding<'_> {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.held
    }
}

impl std::ops::DerefMut for Holding<'_> {
    fn deref_mut(&mut self) -> &mut Held {
        &mut self.held
    }
}

/// A number of this thread's own, never zero.
fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: Cell<u64> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    NUMBER.get()
}

/// What tests look at, and break.
#[cfg(test)]
impl Writer {
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// How many groups were committed so far.
    pub(super) fn commits(&self) -> usize {
        self.hold().unwrap().committed
    }

    pub(super) fn fail_next_commit(&self) {
        self.hold().unwrap().fail_next_commit = true;
    }

    /// Runs SQL outside any group.
    pub(super) fn execute(&self, sql: &str) {
        self.hold().unwrap().connection.execute_batch(sql).unwrap();
    }
}

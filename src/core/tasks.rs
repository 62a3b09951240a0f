//! Scheduled work of the engines: durable, run when it is due, and again by a stored back-off for as long as it fails.
//!
//! A task is a row of `work`, found by a keyed hash of its mount, kind and name. It is claimed before it runs, so that a crash
//! leaves it due again; what it did until then is its engine's to find out.

use crate::barrier::{Barrier, Place};
use crate::base::failpoint::step;
use crate::base::{Error, Result, Timestamp, random};
use crate::core::live::Live;
use crate::core::names::Names;
use crate::core::revocation::{CLAIM, ROWS_A_CHANGE, TRY_DEADLINE};
use crate::logical::{Next, TaskKind};
use crate::storage::{Hash, Tx, WorkRow};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two tries of a task that fails: doubled with each, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The sealed part of a task.
#[derive(Serialize, Deserialize)]
struct Plan {
    kind: String,
    name: String,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// Inserts a task or moves it.
///
/// # Errors
/// `Internal` when the store fails.
pub fn schedule(tx: &mut dyn Tx, names: &Names<'_>, kind: &str, name: &str, due: Timestamp) -> Result<()> {
    let key = key(names, kind, name);
    let plan = Plan { kind: kind.to_owned(), name: name.to_owned(), last_error: None };
    tx.work_put(&names.mount, &key, kind, Some(due), &seal(names.barrier, &names.mount, &key, &plan)?).map(drop)
}

/// Takes a task away; whether there was one.
///
/// # Errors
/// `Internal` when the store fails.
pub fn unschedule(tx: &mut dyn Tx, names: &Names<'_>, kind: &str, name: &str) -> Result<bool> {
    let Some(row) = tx.work_by_key(&key(names, kind, name))? else { return Ok(false) };
    tx.work_delete(row.id)
}

/// Takes a due task for a worker, until [`CLAIM`] has passed; none when it is no longer due.
///
/// # Errors
/// `Internal` when the store fails.
pub fn claim(tx: &mut dyn Tx, id: i64, now: Timestamp) -> Result<Option<Hash>> {
    let Some(mut row) = tx.work(id)?.filter(|row| row.due.is_some_and(|due| due <= now)) else { return Ok(None) };
    let Some(mount) = row.mount else { return Ok(None) };
    row.due = Some(now.plus(CLAIM));
    Ok(tx.work_update(&row)?.then_some(mount))
}

impl Live {
    /// Runs a claimed task and stores when it is to run next.
    ///
    /// # Errors
    /// `Internal` when the store fails. Why the task itself failed is stored and logged.
    pub fn run_task(self: &Arc<Self>, id: i64) -> Result<()> {
        let Some(row) = self.storage.reading(|snapshot| snapshot.work(id))? else { return Ok(()) };
        let outcome = step!("task.run", open(&self.barrier, &row).and_then(|plan| self.run_plan(&row, &plan)));
        let now = self.now();
        match outcome {
            Ok(next) => {
                let due = match next {
                    Next::Done => None,
                    Next::At(due) => Some(due.max(now.plus(MOMENT))),
                };
                step!("task.finish", self.storage.writing(|tx| finish(tx, &row, due)))
            }
            Err(error) => self.put_task_off(&row, &error, now),
        }
    }

    /// Makes due what an earlier process had claimed. What is due in a moment runs a little early, and says so itself.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn retry_tasks(&self) -> Result<()> {
        let now = self.now();
        self.in_batches(|tx| tx.work_retry(now, now.plus(CLAIM), ROWS_A_CHANGE))
    }

    fn run_plan(self: &Arc<Self>, row: &WorkRow, plan: &Plan) -> Result<Next> {
        let mount = row.mount.ok_or_else(|| Error::internal("a task that belongs to no mount"))?;
        let mount = self.mount_of(&mount)?;
        if let Some(next) = self.run_tidying(&mount, &plan.kind)? {
            return Ok(next);
        }
        let task = TaskKind::find(self.engine(&mount)?, &plan.kind)?;
        let mut ctx = self.context(&mount, Instant::now() + TRY_DEADLINE);
        (task.run)(&mut ctx, &plan.name)
    }

    fn put_task_off(&self, row: &WorkRow, reason: &Error, now: Timestamp) -> Result<()> {
        let attempts = row.attempts.saturating_add(1);
        let pause = Duration::from_secs(1 << attempts.min(16)).min(LONGEST_PAUSE);
        let jitter = pause.mul_f64(f64::from(random::bytes::<1>()?[0]) / 1024.0);
        log::warn!("scheduled work ({}) failed, attempt {attempts}: {}", row.kind, reason.for_log());
        self.storage.writing(|tx| {
            let Some(mut now_row) = tx.work(row.id)?.filter(|now_row| now_row.due == row.due) else { return Ok(()) };
            now_row.attempts = attempts;
            now_row.due = Some(now.plus(pause + jitter));
            // A row that does not open keeps its damage for somebody to look at.
            if let (Ok(mut plan), Some(mount), Some(key)) = (open(&self.barrier, &now_row), now_row.mount, now_row.key)
            {
                plan.last_error = Some(reason.message().to_owned());
                now_row.sealed = seal(&self.barrier, &mount, &key, &plan)?;
            }
            tx.work_update(&now_row).map(drop)
        })
    }
}

/// A task that wants to run again "now" does not keep a worker for itself.
const MOMENT: Duration = Duration::from_secs(1);

/// Deletes a task that has run, or moves it; one that was scheduled anew meanwhile is left as it is.
fn finish(tx: &mut dyn Tx, ran: &WorkRow, next: Option<Timestamp>) -> Result<()> {
    let Some(mut row) = tx.work(ran.id)?.filter(|row| row.due == ran.due) else { return Ok(()) };
    let Some(next) = next else { return tx.work_delete(row.id).map(drop) };
    row.due = Some(next);
    row.attempts = 0;
    tx.work_update(&row).map(drop)
}

fn key(names: &Names<'_>, kind: &str, name: &str) -> Hash {
    names.barrier.hash("task", &[&names.mount, kind.as_bytes(), name.as_bytes()])
}

/// A task sealed with the newest key.
pub(super) fn reseal(barrier: &Barrier, row: &WorkRow) -> Result<Vec<u8>> {
    let plan = open(barrier, row)?;
    let (mount, key) = row.mount.zip(row.key).ok_or_else(|| Error::internal("a task that belongs to no mount"))?;
    seal(barrier, &mount, &key, &plan)
}

fn seal(barrier: &Barrier, mount: &Hash, key: &Hash, plan: &Plan) -> Result<Vec<u8>> {
    let bytes = serde_json::to_vec(plan).map_err(|_| Error::internal("a task cannot be written as JSON"))?;
    barrier.seal(&place(key, &[mount]), &bytes)
}

fn open(barrier: &Barrier, row: &WorkRow) -> Result<Plan> {
    let (Some(mount), Some(key)) = (row.mount, row.key) else {
        return Err(Error::internal("a task that belongs to no mount"));
    };
    let bytes = barrier.open(&place(&key, &[&mount]), &row.sealed)?;
    serde_json::from_slice(&bytes).map_err(|_| Error::internal("a row of work does not parse"))
}

fn place<'p>(key: &'p Hash, grants: &'p [&'p [u8]]) -> Place<'p> {
    Place { table: "work", column: "sealed", row: key, grants }
}

//! Comparing what is outside with the leases of a mount, in both directions: first what is there and has no lease (`outside`),
//! then what leases stand for and is not there, or not as it should be (`leases`). A part at a time: where one answer leaves off,
//! its cursor says, so that memory is that of a page however much there is.
//!
//! Invariant: what is outside is ended only if it is surely this server's, and only by a lease that is committed before; and only
//! what no lease accounts for, looked at again after the outside and once more in the transaction that makes that lease.

mod cursor;
mod ending;
mod leases;
mod outside;
pub mod report;

use crate::base::{Error, Result, Timestamp};
use crate::core::causes::Cause;
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::logical::{Ctx, Reconciling, Seen};
use crate::storage::{LeaseRow, LeaseState, Snapshot};
pub use cursor::Cursor;
use report::Report;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a place may take to answer one question.
const LOOK: Duration = Duration::from_secs(10);

/// How long one answer is worked on before it is given, and what is left of a request's time then.
const WORK: Duration = Duration::from_secs(10);
const MARGIN: Duration = Duration::from_secs(2);

/// Differences in one answer. A page that was begun is finished.
const MOST_SHOWN: usize = 1000;

/// What is to be compared.
pub struct Order {
    pub mount: Arc<Mount>,
    pub from: Cursor,
    /// What ends orphans and ghosts; none where they are only shown.
    pub fix: Option<Cause>,
    pub deadline: Instant,
}

/// One answer in the making.
struct Comparison<'l> {
    live: &'l Arc<Live>,
    mount: &'l Arc<Mount>,
    fix: Option<&'l Cause>,
    engine: &'static Reconciling,
    /// How long after its making, or its end, nothing is said of a credential: targets may be slow to show what was done.
    settle: Duration,
    until: Instant,
    deadline: Instant,
    report: Report,
}

impl Live {
    /// Compares a part of a mount's leases with what is outside.
    ///
    /// # Errors
    /// `BadRequest` for a mount that makes nothing outside, or nothing that can be listed; `Internal` when the store fails.
    /// A target that does not answer is told in the report.
    pub fn reconcile(self: &Arc<Self>, order: &Order) -> Result<Report> {
        let engine = self.engine(&order.mount)?;
        let reconciling = engine.reconciling.ok_or_else(|| {
            Error::bad_request(format!("{} makes nothing outside that could be compared with leases", engine.name))
        })?;
        let now = Instant::now();
        let deadline = order.deadline.checked_sub(MARGIN).unwrap_or(order.deadline);
        let mut comparison = Comparison {
            live: self,
            mount: &order.mount,
            fix: order.fix.as_ref(),
            engine: reconciling,
            settle: engine.secrets.iter().map(|kind| kind.settle).max().unwrap_or_default(),
            until: deadline.min(now + WORK),
            deadline,
            report: Report::default(),
        };
        comparison.report.next = comparison.run(order.from.clone())?;
        Ok(comparison.report)
    }
}

impl Comparison<'_> {
    /// Works from there on; where to go on, if it was not done.
    fn run(&mut self, mut from: Cursor) -> Result<Option<Cursor>> {
        loop {
            let next = match from {
                Cursor::Outside { place, after } => self.compare_outside(&place, &after)?,
                Cursor::Leases { after } => match self.compare_leases(after)? {
                    Some(next) => next,
                    None => return Ok(None),
                },
            };
            if self.is_over() {
                return Ok(Some(next));
            }
            from = next;
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until || self.report.shown() >= MOST_SHOWN
    }

    /// A context for one question to the outside.
    fn context(&self) -> Ctx {
        self.live.context(self.mount, self.deadline.min(Instant::now() + LOOK))
    }

    /// The row as it is now, if the lease lives in it as it did when it was read.
    fn unchanged(&self, read: &LeaseRow) -> Result<Option<LeaseRow>> {
        let row = self.live.storage.reading(|snapshot| snapshot.lease(read.id))?;
        Ok(row.filter(|row| row.state == LeaseState::Active && row.expires == read.expires))
    }

    fn has_lease(&self, seen: &Seen) -> Result<bool> {
        self.live.storage.reading(|snapshot| self.live.accounts_for(snapshot, self.engine, seen))
    }

    fn now(&self) -> Timestamp {
        self.live.now()
    }
}

impl Live {
    /// Whether any lease accounts for something outside: one that has its name, on whichever mount and in whatever state, and
    /// as far as it can be told was what it was made for. A row that does not open accounts for it: nobody knows better.
    fn accounts_for(&self, snapshot: &dyn Snapshot, engine: &Reconciling, seen: &Seen) -> Result<bool> {
        const MOST: usize = 100;
        let leases = Leases { barrier: &self.barrier };
        let of_name = self.rows_of_subject(snapshot, &seen.name, MOST)?;
        Ok(of_name.into_iter().any(|row| match leases.open(row).map(|lease| lease.payload.secret) {
            Ok(Some(secret)) => (engine.is_of)(&secret.revocation, seen),
            Ok(None) | Err(_) => true,
        }))
    }
}

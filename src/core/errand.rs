//! Ending leases outside while somebody waits for it. What cannot be ended now stays with the sweeper, which never gives up.
//!
//! Invariant: an errand asks a silent target once, however many leases it has there, and never together with another errand.

use crate::base::failpoint::step;
use crate::base::{Error, Result};
use crate::core::causes::{Cause, Outcome};
use crate::core::leases::Leases;
use crate::core::live::Live;
use crate::core::revocation::{CLAIM, ROWS_A_CHANGE};
use crate::storage::{Hash, LeaseKind, LeaseRow};
use std::collections::HashSet;
use std::sync::Arc;

/// The leases that one request wants ended.
pub struct Errand<'l> {
    live: &'l Arc<Live>,
    cause: Cause,
    /// Targets that did not answer this errand.
    silent: HashSet<Hash>,
}

impl<'l> Errand<'l> {
    #[must_use]
    pub fn new(live: &'l Arc<Live>, cause: Cause) -> Self {
        Self { live, cause, silent: HashSet::new() }
    }

    /// Revokes one row and ends it outside too. A token's row is only revoked: what lies below it is ended in the background.
    ///
    /// # Errors
    /// Why it could not be ended outside; it is dead all the same, and is tried again.
    pub fn end(&mut self, id: i64) -> Result<()> {
        let Some(row) = self.claim(id)? else { return Ok(()) };
        if row.kind == LeaseKind::Token {
            self.live.bell.ring();
            return Ok(());
        }
        let target = row.lane();
        if self.silent.contains(&target)
            && let Some(silence) = self.live.targets.silence(&target)
        {
            return Err(self.put_back(&row, silence.refusal()));
        }
        let _visit = match self.live.targets.visit(&target) {
            Ok(visit) => visit,
            Err(refusal) => return Err(self.put_back(&row, refusal)),
        };
        let outcome = self.live.end_outside(id);
        if outcome.is_err() && self.live.targets.silence(&target).is_some() {
            self.silent.insert(target);
        }
        outcome
    }

    /// Marks a row and takes it from the sweeper for as long as a try may last; none for one that is gone, or is still being
    /// made.
    fn claim(&self, id: i64) -> Result<Option<LeaseRow>> {
        let now = self.live.now();
        let due = |row: &LeaseRow| match row.kind {
            LeaseKind::Secret => now.plus(CLAIM),
            LeaseKind::Token => now,
        };
        step!("revoke.mark", self.live.storage.writing(|tx| self.live.mark_row(tx, id, &self.cause, due)))
    }

    /// Gives a row that was not tried back to the sweeper.
    fn put_back(&self, row: &LeaseRow, refusal: Error) -> Error {
        let now = self.live.now();
        let back =
            self.live.storage.writing(|tx| tx.lease_advance(row.id, row.state, row.state, Some(now), row.attempts));
        if let Err(error) = back {
            log::error!("a lease that was not tried is taken up only when its claim ends: {}", error.for_log());
        }
        refusal
    }
}

/// A lease that was dropped by force, and what it leaves outside.
pub struct Left {
    pub lease: String,
    /// The name outside.
    pub subject: String,
    /// The identity of where it is; empty where its mount says all.
    pub target: String,
    pub reason: String,
}

/// Drops leases whose credentials could not be ended, each with the reason.
///
/// # Errors
/// `Internal` when the store fails; what was dropped until then is in the log.
pub fn forget(live: &Live, rows: &[(i64, String)]) -> Result<Vec<Left>> {
    let leases = Leases { barrier: &live.barrier };
    let mut all = Vec::new();
    for batch in rows.chunks(ROWS_A_CHANGE) {
        let dropped = live.storage.writing(|tx| {
            let mut dropped = Vec::new();
            for (id, reason) in batch {
                // What was ended meanwhile leaves nothing behind.
                let Some(row) = tx.lease(*id)? else { continue };
                live.delete_lease(tx, &row)?;
                dropped.push((row, reason.clone()));
            }
            Ok(dropped)
        })?;
        for (row, reason) in dropped {
            let left = describe(live, row.clone(), reason);
            log::warn!(
                "lease {} is dropped by force; {:?} may go on working: {}",
                left.lease,
                left.subject,
                left.reason
            );
            all.push(left);
            // A row that does not open has nothing more to tell.
            if let Ok(lease) = leases.open(row) {
                live.tell_ended(&[(lease, Outcome::Dropped)]);
            }
        }
    }
    Ok(all)
}

fn describe(live: &Live, row: LeaseRow, reason: String) -> Left {
    let id = row.id;
    match live.found(row) {
        Ok(found) => {
            let secret = found.lease.payload.secret;
            let (subject, target) = secret.map(|secret| (secret.subject, secret.target)).unwrap_or_default();
            Left { lease: found.id, subject, target, reason }
        }
        Err(_) => Left {
            lease: format!("(damaged row {id})"),
            subject: String::new(),
            target: String::new(),
            reason: "its row does not open, so that nobody knows what it was for".to_owned(),
        },
    }
}

//! What is held: revocations outside, and work there, that a wrong clock or a restored storage would make. What is dead is dead all
//! the same; only the world outside is left as it is until somebody has looked.
//!
//! The clock's doubts are in `time`. Here is the other one: a storage that was restored, copied or put back knows leases that another
//! server, or a later state of this one, may have renewed since. Invariant: until an operator adopts such a storage, nothing outside
//! is ended for a lease that is older than the restore, nor changed for work that is scheduled; what was issued since is ended as ever.

use crate::base::{Error, Result};
use crate::core::live::Live;
use crate::core::revocation::{BATCH, ROWS_A_CHANGE};
use crate::core::{Core, recovery};
use crate::storage::restored::Restored;
use crate::storage::{LeaseKind, LeaseRow, LeaseState, Tx};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// A held lease is looked at again after so long, should nobody adopt the storage.
const HELD: Duration = Duration::from_secs(3600);

/// What an operator can do about it.
const ADVICE: &str =
    "look at what would be ended with \"lease reconcile\", then adopt it (operator adopt), or stop this server";

impl Core {
    /// Why revocations are held, for whoever asks how the server is; none where they are not.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn revocations_held(&self) -> Result<Option<String>> {
        let restored = self.storage.reading(|snapshot| Restored::load(snapshot))?;
        let reasons = [self.clock.doubt().map(|doubt| doubt.to_string()), restored.as_ref().map(told)];
        let reasons: Vec<String> = reasons.into_iter().flatten().collect();
        Ok((!reasons.is_empty()).then(|| reasons.join("; ")))
    }
}

/// A restore in words, with what to do.
#[must_use]
pub fn told(restored: &Restored) -> String {
    let at = restored.at.rfc3339();
    format!("the storage is not the one that was here: {} (noticed {at}); {ADVICE}", restored.reason)
}

impl Live {
    /// That this storage was restored, for as long as nobody has adopted it.
    #[must_use]
    pub fn restored(&self) -> Option<Restored> {
        self.restored.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the note of a restore.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub(super) fn note_restore(&self) -> Result<()> {
        let noted = self.storage.reading(|snapshot| Restored::load(snapshot))?;
        if let Some(noted) = &noted {
            log::warn!("revocations are held of leases from before the restore: {}", told(noted));
        }
        *self.restored.write().unwrap_or_else(PoisonError::into_inner) = noted;
        Ok(())
    }

    /// Takes this storage for the one: what was held goes on. The note that there was, if any.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn adopt(self: &Arc<Self>) -> Result<Option<Restored>> {
        self.storage.writing(|tx| Restored::delete(tx))?;
        let noted = self.restored.write().unwrap_or_else(PoisonError::into_inner).take();
        if noted.is_some() {
            log::warn!("the storage was adopted; revocations that were held go on");
            self.take_up_what_was_held()?;
            recovery::start(self)?;
            self.bell.ring();
        }
        Ok(noted)
    }

    /// Refuses to end a lease outside that is held, and puts it off.
    ///
    /// # Errors
    /// `Conflict` where it is held.
    pub(super) fn check_not_held(&self, row: &LeaseRow) -> Result<()> {
        let Some(restored) = self.restored().filter(|restored| is_older(row, restored)) else { return Ok(()) };
        self.storage.writing(|tx| put_off(self, tx, row.id, &restored))?;
        Err(Error::conflict(format!("the lease is dead, and its credential is not ended outside: {}", told(&restored))))
    }

    /// Marks what has fallen due and is held as dead, and puts it off, so that it keeps nobody waiting.
    pub(super) fn put_off_what_is_held(&self) -> Result<()> {
        let Some(restored) = self.restored() else { return Ok(()) };
        let now = self.now();
        let lanes = self.storage.reading(|snapshot| snapshot.lanes(LeaseKind::Secret))?;
        for lane in lanes.into_iter().filter(|lane| lane.due <= now) {
            loop {
                let due = self.storage.reading(|s| s.leases_due(LeaseKind::Secret, &lane.id, now, BATCH))?;
                let held: Vec<i64> = due.iter().filter(|row| is_older(row, &restored)).map(|row| row.id).collect();
                for batch in held.chunks(ROWS_A_CHANGE) {
                    self.storage.writing(|tx| batch.iter().try_for_each(|id| put_off(self, tx, *id, &restored)))?;
                }
                if held.is_empty() || due.len() < BATCH {
                    break;
                }
                log::info!("{} revocations are held: {}", held.len(), restored.reason);
            }
        }
        Ok(())
    }
}

fn is_older(row: &LeaseRow, restored: &Restored) -> bool {
    row.kind == LeaseKind::Secret && row.issued < restored.at
}

fn put_off(live: &Live, tx: &mut dyn Tx, id: i64, restored: &Restored) -> Result<()> {
    let now = live.now();
    let Some(row) = tx.lease(id)?.filter(|row| is_older(row, restored)) else { return Ok(()) };
    let is_over = row.due.is_some_and(|due| due <= now);
    let to = if row.state == LeaseState::Active && is_over { LeaseState::Revoking } else { row.state };
    if to == LeaseState::Active {
        return Ok(());
    }
    tx.lease_advance(id, row.state, to, Some(now.plus(HELD)), row.attempts).map(drop)
}

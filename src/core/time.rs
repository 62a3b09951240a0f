//! Time that can be relied on: the stored floor below which it does not fall, and what is held while the machine's clock is in
//! doubt.
//!
//! Invariant: while it is, nothing is ended outside, and no work outside is done, because its time has come: a clock that is
//! wrong at the start would end everything at once. What has expired by it is dead all the same, what is revoked by name is
//! ended, and nothing is given an end in a far future.

use crate::base::{Doubt, Error, Result, Timestamp};
use crate::core::Core;
use crate::core::live::Live;
use crate::core::revocation::ROWS_A_CHANGE;
use crate::storage::LeaseKind;

/// The name of the time floor in the store's `meta`.
const FLOOR: &str = "clock_floor";

/// Where a release says when it was built.
const BUILD_DATE: Option<&str> = option_env!("LEASEHOLD_BUILD_DATE");

impl Core {
    /// Judges the machine's clock by the time that an earlier run has stored.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn judge_clock(&self) -> Result<()> {
        let floor = self.storage.reading(|snapshot| snapshot.meta(FLOOR))?;
        let floor = floor.and_then(|bytes| bytes.try_into().ok()).map(|bytes| Timestamp(i64::from_be_bytes(bytes)));
        self.clock.judge(built(), floor);
        Ok(())
    }
}

/// The earliest time that a clock can rightly show.
fn built() -> Timestamp {
    let stamped = BUILD_DATE.and_then(|date| date.parse::<jiff::Timestamp>().ok());
    stamped.map_or(crate::RELEASED, |stamped| crate::RELEASED.max(Timestamp(stamped.as_millisecond())))
}

impl Live {
    /// Stores the present time as the floor of the next start. A time in doubt is not stored.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn store_floor(&self) -> Result<()> {
        if self.clock.doubt().is_some() {
            return Ok(());
        }
        let now = self.now();
        self.storage.writing(|tx| tx.set_meta(FLOOR, &now.0.to_be_bytes()))
    }

    /// Takes the clock for right.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn accept_clock(&self) -> Result<()> {
        self.clock.accept();
        self.store_floor()?;
        self.bell.ring();
        Ok(())
    }

    /// Lets nothing be given an end by a clock that is far ahead: it would live that long when the clock is put right.
    ///
    /// # Errors
    /// `Conflict` while that is in doubt.
    pub fn require_sane_clock(&self) -> Result<()> {
        require_sane(self.clock.doubt())
    }

    /// Makes due at once what had been made due by a clock that turned out to be wrong: that may be in a far future.
    pub(super) fn take_up_what_was_held(&self) -> Result<()> {
        let now = self.now();
        self.in_batches(|tx| tx.lease_pending_due(now, ROWS_A_CHANGE))?;
        for kind in [LeaseKind::Token, LeaseKind::Secret] {
            for lane in self.storage.reading(|snapshot| snapshot.lanes(kind))? {
                self.in_batches(|tx| tx.lease_retry(kind, &lane.id, now, Timestamp(i64::MAX), ROWS_A_CHANGE))?;
            }
        }
        Ok(())
    }
}

/// # Errors
/// `Conflict` for a clock that may be far ahead.
pub fn require_sane(doubt: Option<Doubt>) -> Result<()> {
    match doubt {
        Some(doubt @ Doubt::Ahead { .. }) => Err(Error::conflict(format!(
            "nothing that ends at a time is made or renewed now: {doubt}. Set the clock, or have an operator accept it \
             (operator clock accept)"
        ))),
        _ => Ok(()),
    }
}

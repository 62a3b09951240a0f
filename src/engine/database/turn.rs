//! Turns: what must not be done twice at once in this process is done by whoever has the turn.

use crate::base::{Error, Result};
use crate::logical::Ctx;
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

type Key = (String, &'static str, String);

static TAKEN: Mutex<BTreeSet<Key>> = Mutex::new(BTreeSet::new());
static RETURNED: Condvar = Condvar::new();

/// The turn to change the password of something of a mount, until it is dropped.
pub struct Turn(Key);

impl Turn {
    /// Waits for the turn, as long as there is time.
    ///
    /// # Errors
    /// `Conflict` while somebody else has it.
    pub fn take(ctx: &mut Ctx, what: &'static str, name: &str) -> Result<Self> {
        let key = (ctx.mount.uuid.clone(), what, name.to_owned());
        let deadline = ctx.outside().deadline();
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        while !taken.insert(key.clone()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::conflict(format!("{what} of {name:?} is under way")));
            }
            taken = RETURNED.wait_timeout(taken, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(Self(key))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
        RETURNED.notify_all();
    }
}

//! Turns: what must not be done twice at once in this process is done by whoever has the turn.

use crate::base::{Error, Result};
use crate::logical::Ctx;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

type Key = (String, &'static str, String);

static TAKEN: Mutex<BTreeSet<Key>> = Mutex::new(BTreeSet::new());

/// The turn to do something to something of a mount, until it is dropped.
pub struct Turn(Key);

impl Turn {
    /// # Errors
    /// `Conflict` while somebody else has it.
    pub fn take(ctx: &Ctx, what: &'static str, name: &str) -> Result<Self> {
        let key = (ctx.mount.uuid.clone(), what, name.to_owned());
        let fresh = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        if fresh { Ok(Self(key)) } else { Err(Error::conflict(format!("{what} of {name:?} is under way"))) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

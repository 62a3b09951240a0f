//! Turns: what must not be done twice at a time is done by whoever holds the turn.

use crate::base::{Error, Result};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static TAKEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A turn at something, until it is dropped.
pub struct Turn(String);

impl Turn {
    /// # Errors
    /// `Conflict` with these words while somebody else has it.
    pub fn take(mount: &str, what: &str, words: &str) -> Result<Self> {
        let name = format!("{mount}/{what}");
        let fresh = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        if fresh { Ok(Self(name)) } else { Err(Error::conflict(words)) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

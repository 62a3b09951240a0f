//! Turns: what must not be done twice at a time is done by whoever holds the turn.

use crate::base::{Error, Result};
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

static TAKEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static GIVEN_BACK: Condvar = Condvar::new();

/// A turn at something, until it is dropped.
pub struct Turn(String);

impl Turn {
    /// Waits for it until then; a time that has come already does not wait.
    ///
    /// # Errors
    /// `Conflict` with these words where somebody else still has it.
    pub fn take(mount: &str, what: &str, until: Instant, words: &str) -> Result<Self> {
        let name = format!("{mount}/{what}");
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if taken.insert(name.clone()) {
                return Ok(Self(name));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::conflict(words));
            }
            taken = GIVEN_BACK.wait_timeout(taken, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
        GIVEN_BACK.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_turn_is_one_persons_at_a_time_and_comes_to_those_who_wait() -> Result<()> {
        let soon = || Instant::now() + Duration::from_secs(20);
        let first = Turn::take("mount", "thing", soon(), "")?;
        let _other = Turn::take("mount", "another thing", Instant::now(), "")?;
        let refused = Turn::take("mount", "thing", Instant::now(), "busy").map(|_| ()).unwrap_err();
        assert_eq!(refused.message(), "busy");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Turn::take("mount", "thing", soon(), "").map(|_| ()));
            drop(first);
            waiting.join().unwrap()
        })
    }
}

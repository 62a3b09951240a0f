//! What is known of the targets (the places outside where leased credentials live): which ones answer, and which are silent.
//! A silent target is asked again at growing intervals by one revocation at a time, so that a thousand leases of a dead
//! database cost one try and not a thousand.
//!
//! In memory, an entry for each target that was called since unsealing: a restart asks all of them at once. What a target is
//! known by, and what waits for it, is in the store.
//!
//! Invariant: a target is silent from a call without an answer until the next answer, whichever call got it.

use crate::base::{Error, Result, Timestamp, random};
use crate::storage::Hash;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two tries of a silent target: doubled with each, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Targets {
    known: Mutex<HashMap<Hash, Known>>,
}

#[derive(Debug)]
enum Known {
    Answers,
    Silent(Silence),
}

/// A target that does not answer.
#[derive(Debug, Clone)]
pub struct Silence {
    /// The identity of the target, or the mount whose leases name none.
    pub name: String,
    pub since: Timestamp,
    /// When it is asked again.
    pub next: Timestamp,
    /// How often it was asked in vain.
    pub tries: u32,
    pub reason: String,
    /// A request is asking it just now, out of turn.
    visited: bool,
}

impl Silence {
    /// What a request is told that would have to ask this target.
    #[must_use]
    pub fn refusal(&self) -> Error {
        Error::upstream(format!(
            "{} has not answered since {} and is asked again at {}: {}",
            self.name,
            self.since.rfc3339(),
            self.next.rfc3339(),
            self.reason
        ))
    }
}

/// How many calls a target may be given at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It answers.
    Open,
    /// Nothing is known of it yet: a first call shows.
    Unproven,
    /// It is silent, and its next try is due.
    Probe,
    /// It is silent, until then.
    Closed(Timestamp),
}

impl Targets {
    #[must_use]
    pub fn access(&self, target: &Hash, now: Timestamp) -> Access {
        match self.lock().get(target) {
            None => Access::Unproven,
            Some(Known::Answers) => Access::Open,
            Some(Known::Silent(silence)) if silence.next <= now => Access::Probe,
            Some(Known::Silent(silence)) => Access::Closed(silence.next),
        }
    }

    #[must_use]
    pub fn silence(&self, target: &Hash) -> Option<Silence> {
        match self.lock().get(target) {
            Some(Known::Silent(silence)) => Some(silence.clone()),
            _ => None,
        }
    }

    /// All silent targets.
    #[must_use]
    pub fn silent(&self) -> Vec<(Hash, Silence)> {
        let silent = |(target, known): (&Hash, &Known)| match known {
            Known::Silent(silence) => Some((*target, silence.clone())),
            Known::Answers => None,
        };
        self.lock().iter().filter_map(silent).collect()
    }

    /// A target answered; whether that ended a silence.
    pub fn answered(&self, target: &Hash) -> bool {
        matches!(self.lock().insert(*target, Known::Answers), Some(Known::Silent(_)))
    }

    /// A call got no answer. Returns how often the target was asked in vain by now; calls that were under way together count
    /// once.
    ///
    /// # Errors
    /// `Internal` when the operating system gives no randomness.
    pub fn unanswered(&self, target: &Hash, name: &str, reason: &Error, now: Timestamp) -> Result<u32> {
        let mut known = self.lock();
        let before = match known.get(target) {
            Some(Known::Silent(silence)) => Some(silence.clone()),
            _ => None,
        };
        if let Some(silence) = before.as_ref().filter(|silence| now < silence.next) {
            return Ok(silence.tries);
        }
        let tries = before.as_ref().map_or(0, |silence| silence.tries).saturating_add(1);
        let silence = Silence {
            name: name.to_owned(),
            since: before.map_or(now, |silence| silence.since),
            next: now.plus(pause(tries)?),
            tries,
            reason: reason.message().to_owned(),
            visited: false,
        };
        known.insert(*target, Known::Silent(silence));
        Ok(tries)
    }

    /// Lets one request ask a target, silent or not, but not two at once a silent one.
    ///
    /// # Errors
    /// `Upstream` when another is asking: since when the target is silent, and why.
    pub fn visit(&self, target: &Hash) -> Result<Visit<'_>> {
        if let Some(Known::Silent(silence)) = self.lock().get_mut(target) {
            if silence.visited {
                return Err(silence.refusal());
            }
            silence.visited = true;
        }
        Ok(Visit { targets: self, target: *target })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's turn to ask a target, until it is dropped.
pub struct Visit<'t> {
    targets: &'t Targets,
    target: Hash,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if let Some(Known::Silent(silence)) = self.targets.lock().get_mut(&self.target) {
            silence.visited = false;
        }
    }
}

/// How long a target is left alone that was asked in vain so often: by chance three quarters to five quarters of what the
/// back-off says, so that many servers do not come back together.
fn pause(tries: u32) -> Result<Duration> {
    let doubled = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16));
    let [chance] = random::bytes::<1>()?;
    Ok(doubled.min(LONGEST_PAUSE).mul_f64(0.75 + f64::from(chance) / 512.0))
}

#[cfg(test)]
mod tests;

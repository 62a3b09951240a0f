//! Failed log-ins, counted in memory.
//!
//! Invariant: its memory is bounded. When there are too many names, the quarter that failed longest ago is forgotten, names
//! that are not locked first.

use super::Name;
use super::rules::Rules;
use crate::base::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names that are remembered.
const MOST: usize = 65_536;

#[derive(Default)]
pub struct Failures {
    names: Mutex<HashMap<Name, Count>>,
    /// Records of locks that were made, less those that were found to be gone.
    stored: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failed: u32,
    last: Timestamp,
    locked: Option<Timestamp>,
}

impl Failures {
    /// Counts one more; whether the name is locked by it.
    pub fn count(&self, name: &Name, rules: Rules, now: Timestamp) -> bool {
        let mut names = self.lock();
        if names.len() >= MOST && !names.contains_key(name) {
            forget_a_quarter(&mut names);
        }
        let count = names.entry(name.clone()).or_insert(Count { failed: 0, last: now, locked: None });
        if count.locked.is_some() {
            return false;
        }
        if now >= count.last.plus(rules.counter_reset) {
            count.failed = 0;
        }
        count.failed = count.failed.saturating_add(1);
        count.last = now;
        if count.failed < rules.threshold {
            return false;
        }
        count.locked = Some(now);
        true
    }

    pub fn locked_since(&self, name: &Name) -> Option<Timestamp> {
        self.lock().get(name).and_then(|count| count.locked)
    }

    /// Whether anything was known of it.
    pub fn forget(&self, name: &Name) -> bool {
        self.lock().remove(name).is_some()
    }

    pub fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    pub fn add_stored(&self, count: u64) {
        self.stored.fetch_add(count, Ordering::Relaxed);
    }

    pub fn set_stored(&self, count: u64) {
        self.stored.store(count, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Count>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_a_quarter(names: &mut HashMap<Name, Count>) {
    let mut order: Vec<(bool, Timestamp, Name)> =
        names.iter().map(|(name, count)| (count.locked.is_some(), count.last, name.clone())).collect();
    order.sort_unstable_by_key(|(is_locked, last, _)| (*is_locked, *last));
    for (_, _, name) in order.into_iter().take(MOST / 4) {
        names.remove(&name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_remembered_is_bounded_and_locked_names_are_kept_longest() {
        let failures = Failures::default();
        let rules = Rules { threshold: 1, ..Rules::BUILT_IN };
        let name = |number: usize| Name { accessor: "a".to_owned(), name: number.to_string() };
        assert!(failures.count(&name(0), rules, Timestamp(0)), "locked, and the oldest");
        for number in 1..=MOST {
            let now = Timestamp(0).plus(Duration::from_millis(u64::try_from(number).unwrap()));
            assert!(!failures.count(&name(number), Rules::BUILT_IN, now));
        }
        assert!(failures.lock().len() <= MOST);
        assert_eq!(failures.locked_since(&name(0)), Some(Timestamp(0)));
        assert!(failures.forget(&name(MOST)) && !failures.forget(&name(1)));
    }
}

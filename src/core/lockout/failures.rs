//! Failed log-ins, counted in memory.
//!
//! Invariants: its memory is bounded, in names and in bytes, however long the names are that strangers make up. When there are
//! too many, the quarter that failed longest ago is forgotten; names that are not locked first, and those of the mount that
//! has most, so that a crowd at one mount makes nobody's failures at another forgotten.

use super::Name;
use super::rules::Rules;
use crate::base::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names that are remembered.
const MOST: usize = 65_536;
/// Milliseconds between two looks for locks that hold no longer.
const BETWEEN_LOOKS: i64 = 60_000;

/// A name in a fixed size: digests of its mount's accessor and of itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    accessor: [u8; 32],
    name: [u8; 32],
}

#[derive(Default)]
pub struct Failures {
    names: Mutex<HashMap<Key, Count>>,
    /// Records of locks that were made, less those that were found to be gone.
    stored: AtomicU64,
    /// When such records were looked for last, in milliseconds.
    tidied: AtomicI64,
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
        let key = name.key();
        if names.len() >= MOST && !names.contains_key(&key) {
            forget_a_quarter(&mut names);
        }
        let count = names.entry(key).or_insert(Count { failed: 0, last: now, locked: None });
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
        self.lock().get(&name.key()).and_then(|count| count.locked)
    }

    /// Whether anything was known of it.
    pub fn forget(&self, name: &Name) -> bool {
        self.lock().remove(&name.key()).is_some()
    }

    /// Whether it is time to look for locks that hold no longer: a look goes through all of them.
    pub fn may_tidy(&self, now: Timestamp) -> bool {
        let last = self.tidied.load(Ordering::Relaxed);
        let is_time = now.0.saturating_sub(last) >= BETWEEN_LOOKS;
        is_time && self.tidied.compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
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

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Name {
    fn key(&self) -> Key {
        let digest = |text: &str| *blake3::hash(text.as_bytes()).as_bytes();
        Key { accessor: digest(&self.accessor), name: digest(&self.name) }
    }
}

fn forget_a_quarter(names: &mut HashMap<Key, Count>) {
    let mut crowds: HashMap<[u8; 32], usize> = HashMap::new();
    for key in names.keys() {
        *crowds.entry(key.accessor).or_default() += 1;
    }
    let fullest = crowds.into_iter().max_by_key(|(_, count)| *count).map(|(accessor, _)| accessor);
    let mut order: Vec<(bool, bool, Timestamp, Key)> = names
        .iter()
        .map(|(key, count)| (count.locked.is_some(), Some(key.accessor) != fullest, count.last, *key))
        .collect();
    order.sort_unstable_by_key(|(is_locked, is_of_few, last, _)| (*is_locked, *is_of_few, *last));
    for (_, _, _, key) in order.into_iter().take(MOST / 4) {
        names.remove(&key);
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

    #[test]
    fn a_crowd_at_one_mount_makes_no_failures_at_another_forgotten() {
        let failures = Failures::default();
        let name = |accessor: &str, name: &str| Name { accessor: accessor.to_owned(), name: name.to_owned() };
        failures.count(&name("people", "alice"), Rules::BUILT_IN, Timestamp(0));
        for number in 0..=MOST {
            failures.count(&name("machines", &number.to_string()), Rules::BUILT_IN, Timestamp(1));
        }
        assert!(failures.forget(&name("people", "alice")));
    }

    #[test]
    fn locks_that_hold_no_longer_are_looked_for_once_a_minute() {
        let failures = Failures::default();
        assert!(failures.may_tidy(Timestamp(100_000)));
        assert!(!failures.may_tidy(Timestamp(100_001)));
        assert!(failures.may_tidy(Timestamp(160_000)));
    }
}

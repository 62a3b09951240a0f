//! Names that too many wrong passwords were tried for: locked for a while. Failures are counted in memory, by the mount and the
//! name folded as the entity's alias is; a lock is a record of the system mount, so that a restart opens none.
//!
//! Invariants: while a name is locked its password is not looked at, and a right one that was being looked at when the lock
//! fell is refused, so that no number of attempts at once gets more guesses; names that nobody has are counted and locked like
//! others; memory and records are bounded.

mod failures;
pub mod rules;
#[cfg(test)]
mod tests;

use crate::base::{Error, Result, Timestamp, duration, fold};
use crate::core::live::Live;
use crate::core::mounts::Mount;
use crate::core::records::MountRecords;
use crate::logical::ctx::{load, store};
use crate::logical::{Records, View};
pub use failures::Failures;
use rules::Rules;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many locks are records; further ones are kept in memory alone, and are in no list.
const MOST_STORED: u64 = 10_000;

/// The longest name whose lock is a record; nobody has a longer one.
const LONGEST: usize = 4096;

const FOLDER: &str = "locked-users/";

/// A lock as it is stored, under `locked-users/ACCESSOR/NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Milliseconds since the Unix epoch.
    since: i64,
}

/// Whose password it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    accessor: String,
    /// Folded.
    name: String,
}

impl Name {
    #[must_use]
    pub fn at(mount: &Mount, name: &str) -> Self {
        Self { accessor: mount.accessor.clone(), name: fold(name) }
    }

    fn record(&self) -> String {
        format!("{FOLDER}{}/{}", self.accessor, segment(&self.name))
    }
}

impl Live {
    /// Whether somebody may try to sign in as this name now.
    ///
    /// # Errors
    /// `Denied` while it is locked.
    pub fn check_lockout(&self, mount: &Mount, name: &str) -> Result<()> {
        let Some(rules) = self.lockout_rules(mount) else { return Ok(()) };
        let (name, now) = (Name::at(mount, name), self.now());
        let since = match self.failures.locked_since(&name) {
            Some(since) => Some(since),
            None if name.name.len() > LONGEST => None,
            None => self.stored_lock(&name)?,
        };
        match since {
            Some(since) if now < since.plus(rules.duration) => Err(Error::permission_denied()),
            Some(_) => self.unlock(&name).map(drop),
            None => Ok(()),
        }
    }

    /// Somebody tried a wrong password.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn count_failure(&self, mount: &Mount, name: &str) -> Result<()> {
        let Some(rules) = self.lockout_rules(mount) else { return Ok(()) };
        let (name, now) = (Name::at(mount, name), self.now());
        if !self.failures.count(&name, rules, now) {
            return Ok(());
        }
        log::warn!(
            "a name at {} is locked for {} after {} failed log-ins",
            mount.path,
            duration::short(rules.duration.as_secs()),
            rules.threshold
        );
        if self.failures.stored() >= MOST_STORED && self.failures.may_tidy(now) {
            self.tidy_locks()?;
        }
        if self.failures.stored() >= MOST_STORED || name.name.len() > LONGEST {
            return Ok(());
        }
        self.system_view()?.write(&mut |records| store(records, &name.record(), &Lock { since: now.0 }))?;
        self.failures.add_stored(1);
        Ok(())
    }

    /// Somebody has signed in: what failed before is forgotten.
    pub fn forget_failures(&self, mount: &Mount, name: &str) {
        self.failures.forget(&Name::at(mount, name));
    }

    /// Opens a lock; whether there was one.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn unlock(&self, name: &Name) -> Result<bool> {
        let was_counted = self.failures.forget(name);
        let view = self.system_view()?;
        if !view.has(&name.record())? {
            return Ok(was_counted);
        }
        view.remove(&name.record())
    }

    /// The names that are locked now, by the accessor of their mount.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub fn locked_names(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let mut locked: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mounts = self.mounts();
        let view = self.system_view()?;
        for folder in view.list(FOLDER)? {
            let accessor = folder.trim_end_matches('/');
            let mount = mounts.active().find(|mount| mount.accessor == accessor);
            let Some(rules) = mount.and_then(|mount| self.lockout_rules(mount)) else { continue };
            for name in view.list(&format!("{FOLDER}{folder}"))? {
                let lock: Option<Lock> = view.load(&format!("{FOLDER}{folder}{name}"))?;
                if lock.is_some_and(|lock| self.now() < Timestamp(lock.since).plus(rules.duration)) {
                    locked.entry(accessor.to_owned()).or_default().push(original(&name));
                }
            }
        }
        Ok(locked)
    }

    /// Deletes the records of locks that hold no longer.
    fn tidy_locks(&self) -> Result<()> {
        let mounts = self.mounts();
        let now = self.now();
        let left = |records: &mut dyn Records| -> Result<u64> {
            let mut left = 0;
            for folder in records.list(FOLDER)? {
                let accessor = folder.trim_end_matches('/');
                let mount = mounts.active().find(|mount| mount.accessor == accessor);
                let rules = mount.and_then(|mount| self.lockout_rules(mount));
                for name in records.list(&format!("{FOLDER}{folder}"))? {
                    let path = format!("{FOLDER}{folder}{name}");
                    let lock: Option<Lock> = load(records, &path)?;
                    let holds =
                        |rules: Rules| lock.is_some_and(|lock| now < Timestamp(lock.since).plus(rules.duration));
                    if rules.is_some_and(holds) {
                        left += 1;
                    } else {
                        records.delete(&path)?;
                    }
                }
            }
            Ok(left)
        };
        let mut count = 0;
        self.system_view()?.write(&mut |records| {
            count = left(records)?;
            Ok(())
        })?;
        self.failures.set_stored(count);
        Ok(())
    }

    /// What holds at a mount; none where nothing is ever locked.
    fn lockout_rules(&self, mount: &Mount) -> Option<Rules> {
        let locks = self.engine(mount).is_ok_and(|method| method.locks_out);
        self.settings.lockout.rules(&mount.kind, mount.user_lockout.as_ref()).filter(|_| locks)
    }

    fn stored_lock(&self, name: &Name) -> Result<Option<Timestamp>> {
        let lock: Option<Lock> = self.system_view()?.load(&name.record())?;
        Ok(lock.map(|lock| Timestamp(lock.since)))
    }

    fn system_view(&self) -> Result<MountRecords> {
        MountRecords::at(self, "sys/")
    }
}

/// A name as one segment of a record's path.
fn segment(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}

fn original(segment: &str) -> String {
    segment.replace("%2F", "/").replace("%25", "%")
}

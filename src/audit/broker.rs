//! The enabled devices, and the rule that one of them must have accepted an entry before anything goes on.
//!
//! Invariant: with any device enabled, a damaged one included, `Ok` means that the entry is on record somewhere.

use super::entry::{Disclosure, Event, Phase, Scribe};
use super::lease_end::LeaseEnd;
use super::salt::Salt;
use super::{Device, shortened};
use crate::base::{Error, Result};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

#[derive(Default)]
pub struct Broker {
    devices: RwLock<BTreeMap<String, Arc<Slot>>>,
    /// Entries of requests and of answers that no device accepted.
    failures: [AtomicU64; 2],
}

enum Slot {
    Open {
        device: Box<dyn Device>,
        scribe: Box<Scribe>,
        refusing: AtomicBool,
        /// Until when it is left alone.
        rests_until: Mutex<Option<Instant>>,
    },
    /// Its definition did not open: it refuses everything.
    Damaged,
}

impl Broker {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a device, or puts it in the place of the one with its name.
    pub fn add(&self, name: &str, device: Box<dyn Device>, salt: &Salt, disclosure: Disclosure) {
        let scribe = Box::new(Scribe::new(salt, disclosure));
        let (refusing, rests_until) = (AtomicBool::new(false), Mutex::new(None));
        self.insert(name, Slot::Open { device, scribe, refusing, rests_until });
    }

    /// Adds a device that is known to be enabled and cannot be opened.
    pub fn add_damaged(&self, name: &str) {
        log::error!("audit device {name}: its definition does not open; it counts as one that refuses every entry");
        self.insert(name, Slot::Damaged);
    }

    /// Whether there was such a device.
    pub fn remove(&self, name: &str) -> bool {
        self.devices.write().unwrap_or_else(PoisonError::into_inner).remove(name).is_some()
    }

    /// The devices' names, sorted.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        self.devices.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Whether no device is enabled: then nothing is put on record, and nothing refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Puts a request on record, before it is served.
    ///
    /// # Errors
    /// `Internal` when there are devices and none accepts the entry: the request must not be served.
    pub fn request(&self, event: &Event<'_>) -> Result<()> {
        self.record(Phase::Request, event)
    }

    /// Puts an answer on record, before it is sent.
    ///
    /// # Errors
    /// `Internal` when there are devices and none accepts the entry: the answer must not be sent.
    pub fn response(&self, event: &Event<'_>) -> Result<()> {
        self.record(Phase::Response, event)
    }

    /// What a device's entries show in place of a text; none where there is no such device.
    #[must_use]
    pub fn hash(&self, name: &str, text: &str) -> Option<String> {
        match &**self.devices.read().unwrap_or_else(PoisonError::into_inner).get(name)? {
            Slot::Open { scribe, .. } => Some(scribe.hash(text)),
            Slot::Damaged => None,
        }
    }

    /// Has every device open its target afresh (after a rotation); what fails goes to the log.
    pub fn reopen(&self) {
        for (name, slot) in self.snapshot() {
            if let Slot::Open { device, .. } = &*slot
                && let Err(error) = device.reopen()
            {
                log::error!("audit device {name}: {}", error.for_log());
            }
        }
    }

    /// How many requests, and how many answers, no device accepted.
    #[must_use]
    pub fn failures(&self) -> (u64, u64) {
        let [requests, answers] = self.failures.each_ref().map(|failures| failures.load(Ordering::Relaxed));
        (requests, answers)
    }

    /// The devices' names, and whether each refuses entries.
    #[must_use]
    pub fn states(&self) -> Vec<(String, bool)> {
        let refuses = |slot: &Slot| match slot {
            Slot::Open { refusing, .. } => refusing.load(Ordering::Relaxed),
            Slot::Damaged => true,
        };
        self.snapshot().into_iter().map(|(name, slot)| (name, refuses(&slot))).collect()
    }

    /// Puts a lease's end on record.
    ///
    /// # Errors
    /// `Internal` when there are devices and none accepts the entry. The lease has ended all the same.
    pub fn ended(&self, end: &LeaseEnd<'_>) -> Result<()> {
        let taken = self.offer(|_, scribe| scribe.lease_end(end));
        if taken { Ok(()) } else { Err(Error::internal("no audit device accepted the entry of a lease's end")) }
    }

    /// Whether a device took the entry, or there is none.
    fn offer(&self, line: impl Fn(&dyn Device, &Scribe) -> Result<Vec<u8>>) -> bool {
        let devices = self.snapshot();
        let nobody_listens = devices.is_empty();
        // Every device gets the entry, also after one has accepted it.
        let accepted = devices.into_iter().filter(|(name, slot)| slot.accepts(name, &line)).count();
        nobody_listens || accepted > 0
    }

    fn record(&self, phase: Phase, event: &Event<'_>) -> Result<()> {
        if self.offer(|device, scribe| scribe.line(phase, event).and_then(|line| fit(device, phase, event, line))) {
            return Ok(());
        }
        self.failures[usize::from(phase == Phase::Response)].fetch_add(1, Ordering::Relaxed);
        Err(Error::internal(match phase {
            Phase::Request => "no audit device accepted the request's entry, so it is not served",
            Phase::Response => "no audit device accepted the answer's entry, so it is not sent",
        }))
    }

    /// The devices as they are now, so that a slow one does not hold up enabling or disabling another.
    fn snapshot(&self) -> Vec<(String, Arc<Slot>)> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        devices.iter().map(|(name, slot)| (name.clone(), slot.clone())).collect()
    }

    fn insert(&self, name: &str, slot: Slot) {
        self.devices.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Arc::new(slot));
    }
}

impl Slot {
    fn accepts(&self, name: &str, line: impl Fn(&dyn Device, &Scribe) -> Result<Vec<u8>>) -> bool {
        let Self::Open { device, scribe, refusing, rests_until } = self else { return false };
        let resting = |until: Option<Instant>| until.is_some_and(|until| Instant::now() < until);
        if resting(*rests_until.lock().unwrap_or_else(PoisonError::into_inner)) {
            return false;
        }
        let outcome = line(device.as_ref(), scribe).and_then(|line| device.write(&line));
        let rest = outcome.is_err().then(|| Instant::now() + device.rests_after_failure());
        *rests_until.lock().unwrap_or_else(PoisonError::into_inner) = rest;
        // Said once when it begins and once when it ends: not for each of the requests in between.
        let refused_before = refusing.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error) if !refused_before => log::error!("audit device {name} refuses entries: {}", error.for_log()),
            Ok(()) if refused_before => log::warn!("audit device {name} accepts entries again"),
            _ => {}
        }
        outcome.is_ok()
    }
}

/// A line that is too long for its device is cut: better less of it than a request refused for its length.
fn fit(device: &dyn Device, phase: Phase, event: &Event<'_>, line: Vec<u8>) -> Result<Vec<u8>> {
    match device.limit() {
        Some(limit) if line.len() > limit => shortened::cut(phase, event, &line),
        _ => Ok(line),
    }
}

//! Time. Deadlines are wall-clock milliseconds; a [`Clock`] is injected wherever time matters, so that tests turn it by
//! hand. Time moves forward only: a clock that jumps back extends nothing.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A moment, in milliseconds since the Unix epoch (UTC); in records, that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long until `later`; zero when it has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC with milliseconds, as `2026-11-23T08:15:30.123Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map_or_else(|_| self.0.to_string(), |t| format!("{t:.3}"))
    }
}

/// Tells the time. One per process, shared.
pub trait Clock: Send + Sync {
    /// The effective wall-clock time; never earlier than an answer it gave before, unless it was in doubt then.
    fn now(&self) -> Timestamp;

    /// Judges the machine's clock at the start: by when the program was built, and by the time that an earlier run stored,
    /// below which the answers will not fall. Until it has been asked to, the clock believes nothing.
    fn judge(&self, _built: Timestamp, _floor: Option<Timestamp>) {}

    /// Why the machine's clock is not believed, for as long as it is not.
    fn doubt(&self) -> Option<Doubt> {
        None
    }

    /// Somebody says that the machine's clock is right.
    fn accept(&self) {}
}

/// Why a clock is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It shows a time before the program was built.
    Behind { shown: Timestamp, built: Timestamp },
    /// It shows a time long after the last one that is known.
    Ahead { shown: Timestamp, known: Timestamp },
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Behind { shown, built } => write!(
                f,
                "the machine's clock shows {}, which is before this program was built ({})",
                shown.rfc3339(),
                built.rfc3339()
            ),
            Self::Ahead { shown, known } => write!(
                f,
                "the machine's clock shows {}, which is more than {} days after the last time on record ({})",
                shown.rfc3339(),
                LONGEST_REST.as_secs() / 86_400,
                known.rfc3339()
            ),
        }
    }
}

/// A server may have been off for so long; a clock that is further ahead is more likely wrong.
const LONGEST_REST: Duration = Duration::from_secs(400 * 86_400);

/// What a machine's clocks show, in milliseconds.
pub trait Machine: Send + Sync {
    /// Since the Unix epoch. It may be set, forwards and back.
    fn wall(&self) -> i64;
    /// Since the machine started, suspend included. Nobody can set it.
    fn boot(&self) -> i64;
}

/// This machine.
struct Host;

impl Machine for Host {
    fn wall(&self) -> i64 {
        let milliseconds = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => milliseconds(since),
            Err(before) => -milliseconds(before.duration()),
        }
    }

    fn boot(&self) -> i64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

/// The machine's clock: the larger of the wall clock and a floor that goes on with the time elapsed, suspend included.
///
/// The floor follows the wall clock up, so that setting it back extends nothing; not while the clock is in doubt, so that a
/// clock that was wrong at the start and is put right does not leave the server in the future.
pub struct SystemClock {
    machine: Box<dyn Machine>,
    /// The floor less the boot-time at that moment: adding today's boot-time gives today's floor.
    floor_at_boot: AtomicI64,
    /// None once the clock is believed.
    trial: Mutex<Option<Trial>>,
    /// Spares those who ask for the time the lock.
    is_believed: AtomicBool,
}

/// What is held against a clock that is not believed yet.
enum Trial {
    /// It was not judged so far.
    Open,
    Doubted {
        built: Timestamp,
        /// Whether there was a time on record.
        has_floor: bool,
    },
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::on(Host)
    }
}

impl SystemClock {
    #[must_use]
    pub fn on(machine: impl Machine + 'static) -> Self {
        Self {
            machine: Box::new(machine),
            floor_at_boot: AtomicI64::new(i64::MIN / 2),
            trial: Mutex::new(Some(Trial::Open)),
            is_believed: AtomicBool::new(false),
        }
    }

    /// What is wrong with the clock as it stands; ends the trial of one that was put right.
    fn review(&self) -> Option<Doubt> {
        if self.is_believed.load(Ordering::Acquire) {
            return None;
        }
        let mut trial = self.trial.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Trial::Doubted { built, has_floor }) = *trial else { return None };
        let (shown, known) = (Timestamp(self.machine.wall()), self.floor());
        if shown < built {
            return Some(Doubt::Behind { shown, built });
        }
        if has_floor && shown > known.plus(LONGEST_REST) {
            return Some(Doubt::Ahead { shown, known });
        }
        *trial = None;
        self.is_believed.store(true, Ordering::Release);
        None
    }

    fn floor(&self) -> Timestamp {
        Timestamp(self.floor_at_boot.load(Ordering::Relaxed).saturating_add(self.machine.boot()))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let (wall, boot) = (self.machine.wall(), self.machine.boot());
        self.review();
        let own = wall - boot;
        let before = if self.is_believed.load(Ordering::Acquire) {
            self.floor_at_boot.fetch_max(own, Ordering::Relaxed)
        } else {
            self.floor_at_boot.load(Ordering::Relaxed)
        };
        Timestamp(before.max(own) + boot)
    }

    fn judge(&self, built: Timestamp, floor: Option<Timestamp>) {
        if let Some(floor) = floor {
            self.floor_at_boot.fetch_max(floor.0 - self.machine.boot(), Ordering::Relaxed);
        }
        let mut trial = self.trial.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was believed goes on being so: a server that is unsealed again has not started anew.
        if trial.is_some() {
            *trial = Some(Trial::Doubted { built, has_floor: floor.is_some() });
        }
        drop(trial);
        self.review();
    }

    fn doubt(&self) -> Option<Doubt> {
        self.review()
    }

    fn accept(&self) {
        *self.trial.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.is_believed.store(true, Ordering::Release);
    }
}

/// The time since this machine was started, suspends included: for what is to be measured rather than dated.
#[must_use]
pub fn since_boot() -> Duration {
    Duration::from_millis(Host.boot().unsigned_abs())
}

/// A clock that tests turn by hand.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

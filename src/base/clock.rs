//! Time. Deadlines are wall-clock milliseconds; a [`Clock`] is injected wherever time matters, so that tests turn it by
//! hand. Time moves forward only: a clock that jumps back extends nothing.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

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
    /// The effective wall-clock time; never earlier than an answer it gave before.
    fn now(&self) -> Timestamp;

    /// Raises the floor below which the clock will not answer (the stored time of the last run).
    fn raise_floor(&self, floor: Timestamp);
}

/// The machine's clock: the larger of the wall clock and the floor plus the time elapsed since it was set, suspend included.
#[derive(Default)]
pub struct SystemClock {
    /// Floor minus boot-time at the moment the floor was raised: adding today's boot-time gives today's floor.
    floor_at_boot: AtomicI64,
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let wall = wall_milliseconds();
        let boot = boot_milliseconds();
        let floor = self.floor_at_boot.fetch_max(wall - boot, Ordering::Relaxed).max(wall - boot);
        Timestamp(floor + boot)
    }

    fn raise_floor(&self, floor: Timestamp) {
        self.floor_at_boot.fetch_max(floor.0 - boot_milliseconds(), Ordering::Relaxed);
    }
}

fn wall_milliseconds() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

fn boot_milliseconds() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
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

    fn raise_floor(&self, floor: Timestamp) {
        self.0.fetch_max(floor.0, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_in_the_future_is_kept_and_time_goes_on_from_it() {
        let clock = SystemClock::default();
        let floor = Timestamp(wall_milliseconds() + 3_600_000);
        clock.raise_floor(floor);
        assert!(clock.now() >= floor);
        assert!(clock.now() < floor.plus(Duration::from_secs(60)));
    }

    #[test]
    fn a_moment_prints_as_rfc_3339() {
        assert_eq!(Timestamp(1_700_000_000_123).rfc3339(), "2023-11-14T22:13:20.123Z");
    }
}

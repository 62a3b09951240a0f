//! When a lease is to be renewed, and when it is to be replaced: the pace of one credential, as arithmetic on moments.
//!
//! Renew at half of what was granted; where that fails, go on trying as long as there is time; where the server refuses, or
//! grants less than before because the lease's maximum is near, take a fresh credential before the old one ends. Owns no
//! clock, no server and no secret. Invariant: a credential is replaced once per duration of its lease at most, however often
//! renewing is refused, except where it has ended already; and what fails is tried again with growing pauses.

use std::time::Duration;

/// A moment: the time since the machine was started, suspends included, so that a lease that ended while the lid was shut is
/// seen to have ended.
pub type Moment = Duration;

/// What is to be done about a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Renew,
    Replace,
}

/// The first pause after a failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest that a fresh credential and the old one live side by side when nothing goes wrong.
const LONGEST_OVERLAP: Duration = Duration::from_secs(60);
const SHORTEST_OVERLAP: Duration = Duration::from_millis(200);

/// Where one credential stands.
#[derive(Debug, Clone)]
pub struct Cycle {
    /// What the server granted at first: what each renewal asks for again.
    granted: Duration,
    made: Moment,
    ends: Moment,
    step: Step,
    next: Moment,
    failures: u32,
}

impl Cycle {
    /// A credential that was granted now. `jitter` is a number from 0 to 1 that parts those who start together.
    #[must_use]
    pub fn begin(now: Moment, granted: Duration, renewable: bool, jitter: f64) -> Self {
        let step = if renewable { Step::Renew } else { Step::Replace };
        let mut cycle = Self { granted, made: now, ends: now + granted, step, next: now, failures: 0 };
        cycle.next = if renewable { now + part_of(granted, jitter) } else { cycle.earliest_replacement() };
        cycle
    }

    /// What is to be done now, if anything is.
    #[must_use]
    pub fn due(&self, now: Moment) -> Option<Step> {
        (now >= self.next).then_some(self.step)
    }

    /// When there will be something to do.
    #[must_use]
    pub fn next(&self) -> Moment {
        self.next
    }

    /// When the credential ends, as the server said last.
    #[must_use]
    pub fn ends(&self) -> Moment {
        self.ends
    }

    /// What a renewal asks for.
    #[must_use]
    pub fn increment(&self) -> Duration {
        self.granted
    }

    /// The server renewed the lease for so long from now.
    pub fn renewed(&mut self, now: Moment, granted: Duration, jitter: f64) {
        self.failures = 0;
        self.ends = now + granted;
        self.next = now + part_of(granted, jitter);
        // Durations are told in whole seconds: less by one is the same.
        if granted + Duration::from_secs(1) < self.granted || granted.is_zero() {
            self.step = Step::Replace;
            self.next = self.next.max(self.earliest_replacement()).min(self.ends);
        }
    }

    /// The server will not renew it.
    pub fn refused(&mut self, now: Moment) {
        self.failures = 0;
        self.step = Step::Replace;
        self.next = self.earliest_replacement().max(now).min(self.ends.max(now));
    }

    /// Nobody answered, or nobody could do it just now.
    pub fn failed(&mut self, now: Moment, jitter: f64) {
        let longest = (self.granted / 8).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)).min(longest);
        self.failures = self.failures.saturating_add(1);
        self.next = now + pause.mul_f64(0.75 + jitter.clamp(0.0, 1.0) / 2.0);
        if self.step == Step::Renew && self.next + self.overlap() >= self.ends {
            self.step = Step::Replace;
            self.next = self.next.min(self.ends.max(now));
        }
    }

    /// The credential is gone, or what it hangs on is: only a fresh one helps.
    pub fn lost(&mut self, now: Moment) {
        self.step = Step::Replace;
        self.next = now;
    }

    /// How many tries in a row have failed.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    fn earliest_replacement(&self) -> Moment {
        self.made + self.granted.saturating_sub(self.overlap())
    }

    fn overlap(&self) -> Duration {
        (self.granted / 20).clamp(SHORTEST_OVERLAP, LONGEST_OVERLAP).min(self.granted / 2)
    }
}

/// Half of a duration, or a little less.
fn part_of(granted: Duration, jitter: f64) -> Duration {
    granted.mul_f64(0.5 - 0.1 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_lease_is_renewed_at_half_and_never_later() {
        for jitter in [0.0, 0.3, 1.0] {
            let cycle = Cycle::begin(seconds(100), seconds(60), true, jitter);
            assert!(cycle.next() <= seconds(130) && cycle.next() >= seconds(124), "{:?}", cycle.next());
            assert_eq!(cycle.due(seconds(120)), None);
            assert_eq!(cycle.due(seconds(130)), Some(Step::Renew));
        }
    }

    #[test]
    fn a_renewal_that_is_cut_short_makes_the_next_step_a_fresh_credential() {
        let mut cycle = Cycle::begin(seconds(0), seconds(6), true, 0.0);
        cycle.renewed(seconds(3), seconds(6), 0.0);
        assert_eq!(cycle.due(seconds(6)), Some(Step::Renew));
        cycle.renewed(seconds(18), seconds(2), 0.0);
        assert_eq!(cycle.due(seconds(19)), Some(Step::Replace), "while the old one still lives");
    }

    #[test]
    fn refused_renewals_make_one_credential_for_each_duration_at_most() {
        let (mut now, mut made) = (seconds(0), 0);
        let mut cycle = Cycle::begin(now, seconds(6), true, 0.5);
        while now < seconds(60) {
            match cycle.due(now) {
                Some(Step::Renew) => cycle.refused(now),
                Some(Step::Replace) => {
                    assert!(now < cycle.ends, "the fresh one comes before the old one ends");
                    cycle = Cycle::begin(now, seconds(6), true, 0.5);
                    made += 1;
                }
                None => now += Duration::from_millis(10),
            }
        }
        assert!(made <= 10, "{made}");
    }

    #[test]
    fn a_server_that_is_away_is_asked_for_renewals_as_long_as_there_is_time_and_then_for_a_fresh_one() {
        let mut cycle = Cycle::begin(seconds(0), seconds(60), true, 0.0);
        let mut now = cycle.next();
        let (mut tries, mut replacing) = (0, 0);
        while now < seconds(120) {
            match cycle.due(now) {
                Some(Step::Renew) => assert!(now < seconds(60)),
                Some(Step::Replace) => replacing += 1,
                None => {
                    now = cycle.next();
                    continue;
                }
            }
            tries += 1;
            cycle.failed(now, 0.5);
        }
        assert!((5..40).contains(&tries), "pauses grow: {tries}");
        assert!(replacing > 2);
    }

    #[test]
    fn what_cannot_be_renewed_is_replaced_shortly_before_it_ends() {
        let cycle = Cycle::begin(seconds(0), seconds(3600), false, 0.0);
        assert_eq!(cycle.due(seconds(3539)), None);
        assert_eq!(cycle.due(seconds(3540)), Some(Step::Replace));
    }

    #[test]
    fn what_is_lost_is_replaced_at_once() {
        let mut cycle = Cycle::begin(seconds(0), seconds(3600), true, 0.0);
        cycle.lost(seconds(5));
        assert_eq!(cycle.due(seconds(5)), Some(Step::Replace));
    }
}

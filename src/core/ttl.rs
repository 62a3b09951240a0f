//! How long a lease lives: what is asked for, what the role, the mount and the system allow, and what is said when the two
//! differ. All limits count from the moment of issue.

use crate::base::{Timestamp, duration};
use std::time::Duration;

/// The limits that apply to one lease, tightest last.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Given when nothing is asked for.
    pub default: Duration,
    /// Never passed, counted from the issue.
    pub max: Duration,
}

impl Limits {
    /// Narrows the limits by those of a role or an engine; zero or none leaves them.
    #[must_use]
    pub fn narrowed(self, ttl: Option<Duration>, max: Option<Duration>) -> Self {
        let max = max.filter(|max| !max.is_zero()).map_or(self.max, |max| max.min(self.max));
        let default = ttl.filter(|ttl| !ttl.is_zero()).unwrap_or(self.default);
        Self { default, max }
    }

    /// Narrows the limits of what was issued then to what ends by a given moment.
    #[must_use]
    pub fn ending(self, by: Option<Timestamp>, issued: Timestamp) -> Self {
        by.map_or(self, |by| Self { max: self.max.min(issued.until(by)), ..self })
    }
}

/// The outcome: when the lease ends, and a warning if that is earlier than what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    pub expires: Timestamp,
    pub warning: Option<String>,
}

/// Grants `asked` (zero: the default) from `now`, up to the maximum counted from `issued`.
///
/// The answer is never later than `issued + max`, whatever is asked, and never "for ever": a lease within an instant of its
/// maximum simply ends there.
#[must_use]
pub fn grant(asked: Duration, limits: Limits, issued: Timestamp, now: Timestamp) -> Granted {
    let wanted = if asked.is_zero() { limits.default } else { asked };
    let end = issued.plus(limits.max);
    let expires = now.plus(wanted).min(end);
    let capped = now.plus(wanted) > end && !asked.is_zero();
    let warning = capped.then(|| {
        format!(
            "TTL of {:?} exceeded the effective max_ttl of {:?}; TTL value is capped accordingly",
            duration::short(wanted.as_secs()),
            duration::short(now.until(end).as_secs())
        )
    });
    Granted { expires, warning }
}

/// What is asked for a new token's life; zero is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    pub ttl: Duration,
    pub explicit_max: Duration,
    pub period: Duration,
}

/// What is granted.
#[derive(Debug, PartialEq, Eq)]
pub struct Life {
    pub expires: Timestamp,
    /// None where each renewal begins it anew.
    pub maximum: Option<Timestamp>,
    pub explicit_max: Duration,
    pub period: Duration,
    pub warnings: Vec<String>,
}

/// Fits what is asked for a token into its limits. A period escapes the maximum, since each renewal begins it anew, but is not
/// longer than it itself; an explicit maximum is escaped by nothing.
#[must_use]
pub fn life(asked: Asked, limits: Limits, now: Timestamp) -> Life {
    let mut warnings = Vec::new();
    let mut capped = |what: &str, asked: Duration| {
        if asked > limits.max {
            let (asked, max) = (duration::short(asked.as_secs()), duration::short(limits.max.as_secs()));
            warnings.push(format!(
                "{what} of {asked:?} is greater than the maximum of {max:?}; value is capped accordingly"
            ));
        }
        asked.min(limits.max)
    };
    let (explicit_max, period) = (capped("explicit_max_ttl", asked.explicit_max), capped("period", asked.period));
    let bounds = limits.narrowed(None, Some(explicit_max));
    let granted = grant(if period.is_zero() { asked.ttl } else { period }, bounds, now, now);
    warnings.extend(granted.warning);
    let maximum = (period.is_zero() || !explicit_max.is_zero()).then(|| now.plus(bounds.max));
    Life { expires: granted.expires, maximum, explicit_max, period, warnings }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { default: Duration::from_secs(3600), max: Duration::from_secs(7200) };

    #[test]
    fn nothing_asked_gives_the_default() {
        let granted = grant(Duration::ZERO, LIMITS, Timestamp(0), Timestamp(0));
        assert_eq!(granted, Granted { expires: Timestamp::from_seconds(3600), warning: None });
    }

    #[test]
    fn what_passes_the_maximum_is_capped_and_said() {
        let granted = grant(Duration::from_secs(3600), LIMITS, Timestamp(0), Timestamp::from_seconds(5400));
        assert_eq!(granted.expires, Timestamp::from_seconds(7200));
        assert!(granted.warning.is_some_and(|warning| warning.contains("exceeded the effective max_ttl of \"30m\"")));
    }

    #[test]
    fn a_renewal_within_a_second_of_the_maximum_is_not_eternal() {
        // CVE-2021-32923: a remaining time that rounds to zero must not mean "no expiry".
        let now = Timestamp(7_199_500);
        assert_eq!(grant(Duration::from_secs(3600), LIMITS, Timestamp(0), now).expires, Timestamp(7_200_000));
        let past = Timestamp(7_200_500);
        assert!(grant(Duration::from_secs(3600), LIMITS, Timestamp(0), past).expires < past);
    }

    #[test]
    fn limits_only_narrow() {
        let narrowed = LIMITS.narrowed(Some(Duration::from_secs(60)), Some(Duration::from_secs(99_999)));
        assert_eq!((narrowed.default, narrowed.max), (Duration::from_secs(60), Duration::from_secs(7200)));
    }
}

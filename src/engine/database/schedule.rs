//! When a static role's password changes: every so often, or by the five fields of a cron expression, in UTC.

use crate::base::{Error, Result, Timestamp, duration};
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDateTime, Cron, CronDateTime, Resolution, Weekday};
use jiff::civil;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::time::Duration;

/// The shortest period, in seconds.
const SHORTEST_PERIOD: u64 = 5;

/// The shortest window, in seconds.
const SHORTEST_WINDOW: u64 = 3600;

/// The rule by which passwords change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// So many seconds after the last time.
    Period(u64),
    /// At times of the calendar.
    Schedule {
        expression: String,
        /// For so many seconds after its time a rotation may still be made up for; zero: until the next one.
        window: u64,
    },
}

impl Rotation {
    /// # Errors
    /// `BadRequest` for a period that is too short.
    pub fn period(seconds: u64) -> Result<Self> {
        if seconds < SHORTEST_PERIOD {
            return Err(Error::bad_request(format!("rotation_period must be {SHORTEST_PERIOD} seconds or more")));
        }
        Ok(Self::Period(seconds))
    }

    /// # Errors
    /// `BadRequest` for what is no cron expression, never comes, or for a window that is too short.
    pub fn schedule(expression: &str, window: u64) -> Result<Self> {
        parsed(expression)?;
        if window != 0 && window < SHORTEST_WINDOW {
            let shortest = duration::short(SHORTEST_WINDOW);
            return Err(Error::bad_request(format!("rotation_window is invalid: it must be {shortest} or more")));
        }
        let rotation = Self::Schedule { expression: expression.to_owned(), window };
        rotation.next(Timestamp::from_seconds(0))?;
        Ok(rotation)
    }

    /// The next time for a rotation, when the last one was at `last`.
    ///
    /// # Errors
    /// `BadRequest` for an expression that never comes.
    pub fn next(&self, last: Timestamp) -> Result<Timestamp> {
        match self {
            Self::Period(seconds) => Ok(last.plus(Duration::from_secs(*seconds))),
            Self::Schedule { expression, .. } => {
                let next = parsed(expression)?.find_next_occurrence(&Moment(last), false);
                next.map(|moment| moment.0)
                    .map_err(|_| Error::bad_request(format!("rotation_schedule {expression:?} never comes")))
            }
        }
    }

    /// Whether a rotation that was due can no longer be made up for: its window has closed.
    #[must_use]
    pub fn is_missed(&self, due: Timestamp, now: Timestamp) -> bool {
        match self {
            Self::Schedule { window, .. } if *window > 0 => now >= due.plus(Duration::from_secs(*window)),
            _ => false,
        }
    }
}

fn parsed(expression: &str) -> Result<Cron> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(expression).map_err(|error| {
        Error::bad_request(format!(
            "could not parse rotation_schedule {expression:?}: {error}; it takes minute, hour, day of the month, month and \
             day of the week, as in \"0 3 * * SAT\", in UTC"
        ))
    })
}

/// A moment as the cron crate looks at it: on the calendar in UTC.
#[derive(Clone)]
struct Moment(Timestamp);

impl Moment {
    fn civil(&self) -> civil::DateTime {
        let moment = jiff::Timestamp::from_second(self.0.seconds()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Offset::UTC.to_datetime(moment)
    }
}

impl CronDateTime for Moment {
    fn to_civil(&self) -> CivilDateTime {
        let civil = self.civil();
        let small = |number: i8| u32::try_from(number).unwrap_or(0);
        let date = (i32::from(civil.year()), small(civil.month()), small(civil.day()));
        let time = (small(civil.hour()), small(civil.minute()), small(civil.second()));
        CivilDateTime::new(
            croner::CivilDate::from_parts_unchecked(date.0, date.1, date.2),
            croner::CivilTime::from_parts_unchecked(time.0, time.1, time.2),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        let days = self.civil().weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::try_from(days).unwrap_or(0))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, croner::errors::CronError> {
        let invalid = || croner::errors::CronError::InvalidDate;
        let small = |number: u32| i8::try_from(number).map_err(|_| invalid());
        let year = i16::try_from(civil.year()).map_err(|_| invalid())?;
        let (month, day) = (small(civil.month())?, small(civil.day())?);
        let (hour, minute, second) = (small(civil.hour())?, small(civil.minute())?, small(civil.second())?);
        let moment = civil::DateTime::new(year, month, day, hour, minute, second, 0).map_err(|_| invalid())?;
        let moment = Offset::UTC.to_timestamp(moment).map_err(|_| invalid())?;
        Ok(Resolution::Single(Self(Timestamp::from_seconds(moment.as_second()))))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        Some(Self(Timestamp(self.0.0.checked_add(seconds.checked_mul(1000)?)?)))
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

//! When passwords change.

use crate::base::{Result, Timestamp};
use crate::engine::database::schedule::Rotation;

/// A moment in 2026, by its day and its time: `("02-28", "23:59")`.
fn at(day: &str, time: &str) -> Timestamp {
    let text = format!("2026-{day}T{time}:00Z");
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn next(expression: &str, last: Timestamp) -> Result<Timestamp> {
    Rotation::schedule(expression, 0)?.next(last)
}

#[test]
fn a_period_counts_from_the_last_time() -> Result<()> {
    assert_eq!(Rotation::period(3600)?.next(at("01-01", "10:30"))?, at("01-01", "11:30"));
    assert!(Rotation::period(4).is_err());
    Ok(())
}

#[test]
fn a_schedule_is_by_the_calendar_in_utc() -> Result<()> {
    for (expression, last, due) in [
        ("0 3 * * *", at("02-28", "02:59"), at("02-28", "03:00")),
        ("0 3 * * *", at("02-28", "03:00"), at("03-01", "03:00")),
        ("*/15 * * * *", at("01-01", "10:46"), at("01-01", "11:00")),
        ("0 0 1 * *", at("01-31", "23:59"), at("02-01", "00:00")),
        ("30 4 * * SAT", at("01-01", "00:00"), at("01-03", "04:30")),
        ("0 0 * * 0", at("01-01", "00:00"), at("01-04", "00:00")),
        ("0 0 * * 7", at("01-01", "00:00"), at("01-04", "00:00")),
        ("0 9-17/4 * * 1-5", at("01-02", "13:30"), at("01-02", "17:00")),
        // Of day of the month and day of the week either will do.
        ("0 0 13 * 5", at("01-01", "12:00"), at("01-02", "00:00")),
    ] {
        assert_eq!(next(expression, last)?.rfc3339(), due.rfc3339(), "{expression}");
    }
    Ok(())
}

#[test]
fn a_day_that_seldom_comes_is_waited_for() -> Result<()> {
    assert_eq!(next("0 0 29 2 *", at("03-01", "00:00"))?.rfc3339(), "2028-02-29T00:00:00.000Z");
    Ok(())
}

#[test]
fn what_is_no_schedule_is_refused() {
    for expression in ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "a b c d e", "0 0 30 2 *", "@never"] {
        assert!(Rotation::schedule(expression, 0).is_err(), "{expression:?}");
    }
    assert!(Rotation::schedule("0 0 * * *", 3599).is_err());
}

#[test]
fn a_window_that_has_closed_lets_a_rotation_pass() -> Result<()> {
    let rotation = Rotation::schedule("0 3 * * *", 3600)?;
    assert!(!rotation.is_missed(at("01-01", "03:00"), at("01-01", "03:59")));
    assert!(rotation.is_missed(at("01-01", "03:00"), at("01-01", "04:00")));
    assert!(!Rotation::schedule("0 3 * * *", 0)?.is_missed(at("01-01", "03:00"), at("05-01", "04:00")));
    assert!(!Rotation::period(5)?.is_missed(at("01-01", "03:00"), at("05-01", "04:00")));
    Ok(())
}

//! Durations as people write them: `90`, `"90"`, `"1h30m"`, `"1.5h"`, `"2d"`. Whole seconds are the unit of the API.

use crate::base::{Error, Result};
use std::time::Duration;

/// Parses a duration: a bare number is seconds; else numbers with the units `ns us µs ms s m h d w`, largest to smallest or
/// in any order, fractions allowed. Negative ones are refused.
///
/// # Errors
/// `BadRequest` naming the text and what is allowed.
pub fn parse(text: &str) -> Result<Duration> {
    let wrong = || {
        Error::bad_request(format!(
            "{text:?} is not a duration: write seconds (3600) or a number with a unit (90s, 15m, 1h30m, 2d)"
        ))
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(wrong());
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map(Duration::from_secs).map_err(|_| wrong());
    }
    let mut total = 0_f64;
    let mut rest = text;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_end);
        let seconds = unit_seconds(unit).ok_or_else(wrong)?;
        total += number.parse::<f64>().map_err(|_| wrong())? * seconds;
        rest = next;
    }
    Duration::try_from_secs_f64(total).map_err(|_| wrong())
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    })
}

/// Writes whole seconds the short way tables show them: `768h`, `1h30m`, `45s`, `0s`.
#[must_use]
pub fn short(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    let mut text = String::new();
    for (amount, unit) in [(hours, 'h'), (minutes, 'm'), (seconds, 's')] {
        if amount > 0 {
            text.push_str(&format!("{amount}{unit}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Writes whole seconds with every unit down to seconds, as the API shows durations: `1h0m0s`, `30m0s`, `45s`.
#[must_use]
pub fn long(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() -> Result<()> {
        for (text, milliseconds) in [
            ("90", 90_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("2d", 172_800_000),
            ("250ms", 250),
            (" 5s ", 5_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text)?, Duration::from_millis(milliseconds), "{text}");
        }
        Ok(())
    }

    #[test]
    fn what_is_no_duration_is_named_in_the_error() {
        for text in ["", "h", "1x", "-5s", "1h-5m", "1..5s", "five", "1h 30", "99999999999999999999999999w"] {
            let error = parse(text).map(|duration| format!("{duration:?}")).map_err(|error| error.to_string());
            assert!(matches!(&error, Err(message) if message.contains("is not a duration")), "{text}: {error:?}");
        }
    }

    #[test]
    fn seconds_print_the_short_way() {
        for (seconds, text) in
            [(0, "0s"), (45, "45s"), (3600, "1h"), (5400, "1h30m"), (2_764_800, "768h"), (3661, "1h1m1s")]
        {
            assert_eq!(short(seconds), text);
        }
    }

    #[test]
    fn seconds_print_with_all_their_units() {
        for (seconds, text) in [(3600, "1h0m0s"), (86_400, "24h0m0s"), (1800, "30m0s"), (45, "45s"), (0, "0s")] {
            assert_eq!(long(seconds), text);
        }
    }
}

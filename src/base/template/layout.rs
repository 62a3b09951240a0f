//! Times written by an example, as Go does: the layout shows how 2 January 2006, 15:04:05 would be written. In UTC.

use crate::base::{Error, Result, Timestamp};
use jiff::civil::DateTime;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

type Write = fn(&DateTime) -> String;

/// The parts of a layout; of two that begin alike the longer stands first.
const PARTS: [(&str, Write); 34] = [
    ("January", |time| month(time).to_owned()),
    ("Jan", |time| month(time)[..3].to_owned()),
    ("Monday", |time| day(time).to_owned()),
    ("Mon", |time| day(time)[..3].to_owned()),
    ("MST", |_| "UTC".to_owned()),
    ("2006", |time| format!("{:04}", time.year())),
    ("002", |time| format!("{:03}", time.date().day_of_year())),
    ("01", |time| format!("{:02}", time.month())),
    ("02", |time| format!("{:02}", time.day())),
    ("03", |time| format!("{:02}", twelve_hours(time))),
    ("04", |time| format!("{:02}", time.minute())),
    ("05", |time| format!("{:02}", time.second())),
    ("06", |time| format!("{:02}", time.year().rem_euclid(100))),
    ("15", |time| format!("{:02}", time.hour())),
    ("1", |time| time.month().to_string()),
    ("_2", |time| format!("{:2}", time.day())),
    ("2", |time| time.day().to_string()),
    ("3", |time| twelve_hours(time).to_string()),
    ("4", |time| time.minute().to_string()),
    ("5", |time| time.second().to_string()),
    ("PM", |time| if time.hour() < 12 { "AM" } else { "PM" }.to_owned()),
    ("pm", |time| if time.hour() < 12 { "am" } else { "pm" }.to_owned()),
    ("Z07:00:00", |_| "Z".to_owned()),
    ("Z070000", |_| "Z".to_owned()),
    ("Z07:00", |_| "Z".to_owned()),
    ("Z0700", |_| "Z".to_owned()),
    ("Z07", |_| "Z".to_owned()),
    ("-07:00:00", |_| "+00:00:00".to_owned()),
    ("-070000", |_| "+000000".to_owned()),
    ("-07:00", |_| "+00:00".to_owned()),
    ("-0700", |_| "+0000".to_owned()),
    ("-07", |_| "+00".to_owned()),
    ("GMT", |_| "GMT".to_owned()),
    ("UTC", |_| "UTC".to_owned()),
];

pub(super) fn format(layout: &str, time: Timestamp) -> Result<String> {
    let time = jiff::Timestamp::from_millisecond(time.0)
        .map(|time| jiff::tz::Offset::UTC.to_datetime(time))
        .map_err(|_| Error::bad_request("the time is out of range"))?;
    let mut output = String::new();
    let mut rest = layout;
    while let Some(character) = rest.chars().next() {
        if let Some((part, write)) = PARTS.iter().find(|(part, _)| stands_at(rest, part)) {
            output.push_str(&write(&time));
            rest = &rest[part.len()..];
        } else if let Some((text, length)) = fraction(rest, &time) {
            output.push_str(&text);
            rest = &rest[length..];
        } else {
            output.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    Ok(output)
}

/// Whether the layout goes on with this part: a short name of a month or day is not the beginning of another word.
fn stands_at(rest: &str, part: &str) -> bool {
    let is_word_ahead =
        rest.strip_prefix(part).is_some_and(|after| after.starts_with(|c: char| c.is_ascii_lowercase()));
    rest.starts_with(part) && !(matches!(part, "Jan" | "Mon") && is_word_ahead)
}

/// `.000` or `,000`: as many digits of the second's fraction; with nines, without zeros at the end. Tells what it took.
fn fraction(rest: &str, time: &DateTime) -> Option<(String, usize)> {
    let separator = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digit = rest[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let after = rest[1..].trim_start_matches(digit);
    let count = rest.len() - 1 - after.len();
    if count > 9 || after.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{:09}", time.subsec_nanosecond());
    let digits = if digit == '0' { &digits[..count] } else { digits[..count].trim_end_matches('0') };
    let text = if digits.is_empty() { String::new() } else { format!("{separator}{digits}") };
    Some((text, count + 1))
}

fn twelve_hours(time: &DateTime) -> i8 {
    match time.hour() % 12 {
        0 => 12,
        hour => hour,
    }
}

fn month(time: &DateTime) -> &'static str {
    name(&MONTHS, time.month())
}

fn day(time: &DateTime) -> &'static str {
    name(&DAYS, time.weekday().to_monday_one_offset())
}

/// The name with a number that counts from one.
fn name(names: &'static [&'static str], number: i8) -> &'static str {
    usize::try_from(number - 1).ok().and_then(|at| names.get(at)).copied().unwrap_or("???")
}

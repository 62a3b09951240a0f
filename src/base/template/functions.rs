//! The functions that templates may call: a row each.

use super::{MAX_OUTPUT, Value, layout, printf};
use crate::base::{Clock, Error, Result, random};
use base64::Engine;
use std::fmt;
use std::ops::RangeInclusive;

pub(super) struct Function {
    pub name: &'static str,
    /// How many arguments it takes.
    pub arguments: RangeInclusive<usize>,
    /// How it is called, for an error.
    pub usage: &'static str,
    pub apply: fn(&[Value], &dyn Clock) -> Result<Value>,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const MANY: usize = 64;

static FUNCTIONS: [Function; 18] = [
    row("and", 1..=MANY, "and A B…", |values, _| Ok(first_or_last(values, |value| !value.is_true()))),
    row("base64", 1..=1, "base64 TEXT", |values, _| {
        Ok(base64::engine::general_purpose::STANDARD.encode(text(values, 0)?).into())
    }),
    row("eq", 2..=MANY, "eq A B…", |values, _| Ok(values[1..].iter().any(|value| *value == values[0]).into())),
    row("lowercase", 1..=1, "lowercase TEXT", |values, _| Ok(text(values, 0)?.to_lowercase().into())),
    row("ne", 2..=2, "ne A B", |values, _| Ok((values[0] != values[1]).into())),
    row("not", 1..=1, "not A", |values, _| Ok((!values[0].is_true()).into())),
    row("or", 1..=MANY, "or A B…", |values, _| Ok(first_or_last(values, Value::is_true))),
    row("printf", 1..=MANY, "printf FORMAT A…", |values, _| {
        Ok(printf::format(text(values, 0)?, &values[1..])?.into())
    }),
    row("random", 1..=1, "random LENGTH", |values, _| Ok(random::base62(length(values, 1)?)?.into())),
    row("replace", 3..=3, "replace FROM TO TEXT", replace),
    row("sha256", 1..=1, "sha256 TEXT", |values, _| Ok(sha256(text(values, 0)?).into())),
    row("timestamp", 1..=1, "timestamp LAYOUT", |values, clock| {
        Ok(layout::format(text(values, 0)?, clock.now())?.into())
    }),
    row("truncate", 2..=2, "truncate LENGTH TEXT", |values, _| Ok(prefix(text(values, 1)?, length(values, 1)?).into())),
    row("truncate_sha256", 2..=2, "truncate_sha256 LENGTH TEXT", truncate_sha256),
    row("unix_time", 0..=0, "no argument", |_, clock| Ok(clock.now().seconds().to_string().into())),
    row("unix_time_millis", 0..=0, "no argument", |_, clock| Ok(clock.now().0.to_string().into())),
    row("uppercase", 1..=1, "uppercase TEXT", |values, _| Ok(text(values, 0)?.to_uppercase().into())),
    row("uuid", 0..=0, "no argument", |_, _| Ok(random::uuid().into())),
];

const fn row(
    name: &'static str,
    arguments: RangeInclusive<usize>,
    usage: &'static str,
    apply: fn(&[Value], &dyn Clock) -> Result<Value>,
) -> Function {
    Function { name, arguments, usage, apply }
}

pub(super) fn named(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

pub(super) fn names() -> Vec<&'static str> {
    FUNCTIONS.iter().map(|function| function.name).collect()
}

/// The first value that is `wanted`, else the last.
fn first_or_last(values: &[Value], wanted: impl Fn(&Value) -> bool) -> Value {
    let found = values.iter().find(|value| wanted(value)).or(values.last());
    found.cloned().unwrap_or(Value::Bool(false))
}

fn text(values: &[Value], at: usize) -> Result<&str> {
    match values.get(at) {
        Some(Value::Text(text)) => Ok(text),
        Some(other) => Err(Error::bad_request(format!("found {other}; expected a text"))),
        None => Err(Error::bad_request("expected a text")),
    }
}

/// The first argument as a length of at least `least`.
fn length(values: &[Value], least: usize) -> Result<usize> {
    const LONGEST: usize = 64 * 1024;
    let length = match values.first() {
        Some(Value::Integer(length)) => usize::try_from(*length).ok(),
        _ => None,
    };
    length
        .filter(|length| (least..=LONGEST).contains(length))
        .ok_or_else(|| Error::bad_request(format!("expected a length between {least} and {LONGEST}")))
}

/// Replaces every occurrence. The size is checked before, as it may be the product of two large texts.
fn replace(values: &[Value], _: &dyn Clock) -> Result<Value> {
    let (from, to, text) = (text(values, 0)?, text(values, 1)?, text(values, 2)?);
    let added = text.matches(from).count().saturating_mul(to.len());
    if added.saturating_add(text.len()) > MAX_OUTPUT {
        return Err(Error::bad_request(format!("the result may be larger than {MAX_OUTPUT} bytes")));
    }
    Ok(text.replace(from, to).into())
}

/// At most `length` bytes of a text, cut between characters, so that a limit in bytes holds too.
fn prefix(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

/// Shortens a text by putting eight digits of a hash in the place of what is cut off, so that different texts stay different.
fn truncate_sha256(values: &[Value], _: &dyn Clock) -> Result<Value> {
    const DIGITS: usize = 8;
    let (length, text) = (length(values, DIGITS + 1)?, text(values, 1)?);
    if text.len() <= length {
        return Ok(text.into());
    }
    let kept = prefix(text, length - DIGITS);
    let hash = sha256(&text[kept.len()..]);
    Ok(format!("{kept}{}", &hash[..DIGITS]).into())
}

fn sha256(text: &str) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}

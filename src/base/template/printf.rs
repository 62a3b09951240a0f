//! `printf` with the verbs that names need: `%s %v %d %q %x %X %t %%`, with `-`, `0`, `+`, width and precision.

use super::Value;
use crate::base::{Error, Result};
use std::iter::Peekable;
use std::str::Chars;

/// The largest width or precision.
const WIDEST: usize = 1024;

struct Verb {
    letter: char,
    left: bool,
    zeros: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
}

pub(super) fn format(format: &str, values: &[Value]) -> Result<String> {
    let mut output = String::new();
    let mut values = values.iter();
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            output.push(character);
            continue;
        }
        let verb = verb(&mut characters)?;
        if verb.letter == '%' {
            output.push('%');
            continue;
        }
        let missing = || Error::bad_request(format!("there is no value for %{}", verb.letter));
        output.push_str(&verb.pad(verb.write(values.next().ok_or_else(missing)?)?));
    }
    match values.next() {
        None => Ok(output),
        Some(_) => Err(Error::bad_request("there are more values than verbs")),
    }
}

fn verb(characters: &mut Peekable<Chars<'_>>) -> Result<Verb> {
    let (mut left, mut zeros, mut plus) = (false, false, false);
    while let Some(flag) = characters.next_if(|c| matches!(c, '-' | '0' | '+')) {
        match flag {
            '-' => left = true,
            '0' => zeros = true,
            _ => plus = true,
        }
    }
    let width = number(characters)?.unwrap_or(0);
    let precision = match characters.next_if_eq(&'.') {
        Some(_) => Some(number(characters)?.unwrap_or(0)),
        None => None,
    };
    let letter = characters.next().ok_or_else(|| Error::bad_request("the format ends within a verb"))?;
    Ok(Verb { letter, left, zeros, plus, width, precision })
}

fn number(characters: &mut Peekable<Chars<'_>>) -> Result<Option<usize>> {
    let mut digits = String::new();
    while let Some(digit) = characters.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    if digits.is_empty() {
        return Ok(None);
    }
    let number = digits.parse().ok().filter(|number| *number <= WIDEST);
    number.map(Some).ok_or_else(|| Error::bad_request(format!("a width or precision is larger than {WIDEST}")))
}

impl Verb {
    fn write(&self, value: &Value) -> Result<String> {
        let cut = |text: &str| text.chars().take(self.precision.unwrap_or(usize::MAX)).collect::<String>();
        match (self.letter, value) {
            ('s', Value::Text(text)) | ('v', Value::Text(text)) => Ok(cut(text)),
            ('q', Value::Text(text)) => Ok(quoted(&cut(text))),
            ('d' | 'v', Value::Integer(number)) if self.plus => Ok(format!("{number:+}")),
            ('d', Value::Integer(number)) => Ok(number.to_string()),
            ('x', Value::Integer(number)) => Ok(hexadecimal(*number)),
            ('X', Value::Integer(number)) => Ok(hexadecimal(*number).to_uppercase()),
            ('x', Value::Text(text)) => Ok(hex::encode(text)),
            ('X', Value::Text(text)) => Ok(hex::encode_upper(text)),
            ('t', Value::Bool(_)) | ('v', _) => Ok(value.to_string()),
            ('s' | 'd' | 'q' | 'x' | 'X' | 't', _) => {
                Err(Error::bad_request(format!("%{} cannot write {value}", self.letter)))
            }
            (other, _) => Err(Error::bad_request(format!("the verb %{other} is not known"))),
        }
    }

    fn pad(&self, text: String) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if self.left {
            return text + &" ".repeat(missing);
        }
        if !self.zeros {
            return " ".repeat(missing) + &text;
        }
        // A sign stays in front of the zeros.
        let is_signed = self.letter == 'd' && text.starts_with(['-', '+']);
        let (sign, digits) = text.split_at(usize::from(is_signed));
        format!("{sign}{}{digits}", "0".repeat(missing))
    }
}

/// As Go writes it: a minus sign, not the two's complement.
fn hexadecimal(number: i64) -> String {
    format!("{}{:x}", if number < 0 { "-" } else { "" }, number.unsigned_abs())
}

/// In double quotes, as a string of JSON or Go.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

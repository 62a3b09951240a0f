//! HCL 1 and its JSON form, read into one tree with positions: what policies and configuration files are written in.
//!
//! Owns the grammar, the limits on hostile input and the canonical layout ([`format()`]). What keys mean is for those who
//! read the tree. Invariant: no input, however long, deep or broken, makes it panic or overflow the stack.

mod format;
mod json;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;

pub use format::format;

use crate::base::{Error, Result};
use std::fmt;

/// The longest text that is read, in bytes.
pub const MAX_TEXT: usize = 4 * 1024 * 1024;

/// How deep objects and lists may be nested.
pub const MAX_DEPTH: usize = 64;

/// Parses a document: JSON when its first character is `{`, else HCL.
///
/// # Errors
/// `TooLarge` for a text over [`MAX_TEXT`]; else `BadRequest` as `line 3, column 7: what is wrong; what was expected`.
pub fn parse(text: &str) -> Result<Document> {
    if text.len() > MAX_TEXT {
        return Err(Error::too_large(format!("the text is {} bytes long; the limit is {MAX_TEXT}", text.len())));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let items = if is_json(text) { json::parse(text)? } else { parser::parse(text)? };
    Ok(Document { items })
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// A place in a text; both count from one, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

impl Position {
    pub const START: Self = Self { line: 1, column: 1 };

    /// An error at this place: `line 3, column 7: message`.
    #[must_use]
    pub fn error(self, message: impl fmt::Display) -> Error {
        Error::bad_request(format!("{self}: {message}"))
    }

    /// The place after `character`, which stands here.
    #[must_use]
    pub fn after(self, character: char) -> Self {
        match character {
            '\n' => Self { line: self.line.saturating_add(1), column: 1 },
            _ => Self { line: self.line, column: self.column.saturating_add(1) },
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A whole text: the items of its outermost level, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub items: Vec<Item>,
}

/// `key = value`, or `key "label" … { … }`, whose value is an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub key: Key,
    pub labels: Vec<Key>,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub text: String,
    pub position: Position,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    pub kind: Kind,
    pub position: Position,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    String(String),
    /// As it was written, so that nothing is lost: `010`, `0x1F`, `1e3`.
    Number(String),
    Bool(bool),
    List(Vec<Value>),
    Object(Vec<Item>),
    /// In JSON only.
    Null,
}

/// One block as its reader wants it, however it was written.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// The label; for a block without one, its key.
    pub label: &'a Key,
    pub items: &'a [Item],
}

impl Item {
    /// The blocks of an item whose blocks carry one label. These say the same:
    /// `path "a" { … }`, `path "a" = { … }`, `path = { "a" = { … } }`, `{"path": {"a": { … }}}`, `{"path": [{"a": { … }}]}`.
    ///
    /// # Errors
    /// `BadRequest` where there is no label, a second one, or something else than a block.
    pub fn labelled_blocks(&self) -> Result<Vec<Block<'_>>> {
        match self.labels.as_slice() {
            [] => self.value.entries(&self.key)?.into_iter().map(|entry| entry.labelled_block(&self.key)).collect(),
            [label] => Ok(self.value.bodies(label)?.into_iter().map(|items| Block { label, items }).collect()),
            [_, second, ..] => Err(second
                .position
                .error(format!("{:?} has a second label {:?}; expected {{", self.key.text, second.text))),
        }
    }

    /// One entry of the `{ "label": { … } }` form; `of` is the key above it, which says what it is in an error.
    fn labelled_block(&self, of: &Key) -> Result<Block<'_>> {
        match (&self.value.kind, self.labels.first()) {
            (Kind::Object(items), None) => Ok(Block { label: &self.key, items }),
            (Kind::List(values), None) => match values.as_slice() {
                [Value { kind: Kind::Object(items), .. }] => Ok(Block { label: &self.key, items }),
                _ => Err(self.value.unexpected("a block, { … }")),
            },
            _ => Err(self.key.position.error(format!(
                "{:?} stands where the label of a block is expected, as in {} \"label\" {{ … }}",
                self.key.text, of.text
            ))),
        }
    }

    /// The blocks of an item whose blocks carry no label; a list of objects is as many blocks.
    ///
    /// # Errors
    /// `BadRequest` where there is a label or something else than a block.
    pub fn plain_blocks(&self) -> Result<Vec<Block<'_>>> {
        if let Some(label) = self.labels.first() {
            return Err(label.position.error(format!("{:?} takes no label; expected {{", self.key.text)));
        }
        Ok(self.value.bodies(&self.key)?.into_iter().map(|items| Block { label: &self.key, items }).collect())
    }

    /// The value of a plain `key = value`.
    ///
    /// # Errors
    /// `BadRequest` where the key carries labels.
    pub fn attribute(&self) -> Result<&Value> {
        match self.labels.first() {
            None => Ok(&self.value),
            Some(label) => Err(label
                .position
                .error(format!("{:?} is not a block and takes no label; expected = and a value", self.key.text))),
        }
    }
}

impl Value {
    /// The bodies of an object, or of each object of a list.
    fn bodies(&self, of: &Key) -> Result<Vec<&[Item]>> {
        match &self.kind {
            Kind::Object(items) => Ok(vec![items]),
            Kind::List(values) => values
                .iter()
                .map(|value| match &value.kind {
                    Kind::Object(items) => Ok(items.as_slice()),
                    _ => Err(value.unexpected(&format!("a block of {:?}, {{ … }}", of.text))),
                })
                .collect(),
            _ => Err(self.unexpected(&format!("a block of {:?}, {{ … }}", of.text))),
        }
    }

    fn entries(&self, of: &Key) -> Result<Vec<&Item>> {
        Ok(self.bodies(of)?.into_iter().flatten().collect())
    }

    /// The error for a value of the wrong kind: `line 3, column 7: found a list; expected a string`.
    #[must_use]
    pub fn unexpected(&self, expected: &str) -> Error {
        self.position.error(format!("found {}; expected {expected}", self.kind.name()))
    }
}

impl Kind {
    /// What this is, in words for an error.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Number(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Object(_) => "a block",
            Self::Null => "null",
        }
    }
}

/// The integer that a number's text means: decimal, `0x1F`, octal with a leading zero as HCL 1 has it, or `1e3` and `2.0`
/// where they are whole. `None` when it is none, or does not fit.
#[must_use]
pub fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    if let Some(hex) = hex.filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return i64::from_str_radix(&format!("{sign}{hex}"), 16).ok();
    }
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return i64::from_str_radix(text, 8).ok();
    }
    text.parse().ok().or_else(|| whole(text.parse().ok()?))
}

/// The integer equal to a float, within the range where floats are exact.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range, as checked")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

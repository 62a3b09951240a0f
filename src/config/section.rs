//! A section of a configuration as data: its keys, and what each one sets. Reads values as people write them, and says what
//! is unknown, with the name that was likely meant.

use super::Warning;
use crate::base::hcl::{self, Item, Key, Kind, Position, Value};
use crate::base::{Result, duration};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The keys that are known at one place of the file, setting parts of a `T`.
pub(super) struct Section<T: 'static> {
    /// As warnings call it.
    pub name: &'static str,
    pub rows: &'static [Row<T>],
    /// Keys of the field that mean nothing here, with the reason.
    pub unused: &'static [(&'static str, &'static str)],
}

pub(super) struct Row<T> {
    key: &'static str,
    repeats: bool,
    set: Set<T>,
}

type Set<T> = fn(&mut T, &Item, &mut Notes) -> Result<()>;

/// A key of which the last counts.
pub(super) const fn once<T>(key: &'static str, set: Set<T>) -> Row<T> {
    Row { key, repeats: false, set }
}

/// A key that may stand several times, each adding to the one before.
pub(super) const fn repeated<T>(key: &'static str, set: Set<T>) -> Row<T> {
    Row { key, repeats: true, set }
}

impl<T> Section<T> {
    pub fn read(&self, target: &mut T, items: &[Item], notes: &mut Notes) -> Result<()> {
        for (at, item) in items.iter().enumerate() {
            let key = &item.key;
            if item.value.kind == Kind::Null {
                continue;
            }
            let Some(row) = self.rows.iter().find(|row| row.key == key.text) else {
                self.warn_unknown(key, notes);
                continue;
            };
            if !row.repeats && items[..at].iter().any(|earlier| earlier.key.text == key.text) {
                notes.warn(key.position, format!("{} is given twice; the last one counts", key.text));
            }
            (row.set)(target, item, notes)?;
        }
        Ok(())
    }

    fn warn_unknown(&self, key: &Key, notes: &mut Notes) {
        let name = &key.text;
        if let Some((_, reason)) = self.unused.iter().find(|(unused, _)| unused == name) {
            notes.warn(key.position, format!("{name} does not apply here: {reason}"));
            return;
        }
        let known = self.rows.iter().map(|row| row.key).chain(self.unused.iter().map(|(unused, _)| *unused));
        let hint = nearest(name, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        notes.warn(key.position, format!("unknown key {name} in {}{hint}", self.name));
    }
}

/// What there is to say about one file.
pub(super) struct Notes {
    file: PathBuf,
    pub warnings: Vec<Warning>,
}

impl Notes {
    pub fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), warnings: Vec::new() }
    }

    pub fn warn(&mut self, position: Position, message: String) {
        self.warnings.push(Warning { file: self.file.clone(), position, message });
    }
}

pub(super) fn text(item: &Item) -> Result<String> {
    text_of(item.attribute()?)
}

fn text_of(value: &Value) -> Result<String> {
    match &value.kind {
        Kind::String(text) | Kind::Number(text) => Ok(text.clone()),
        _ => Err(value.unexpected("a string")),
    }
}

/// A list of strings; a single one stands for a list of one.
pub(super) fn texts(item: &Item) -> Result<Vec<String>> {
    let value = item.attribute()?;
    match &value.kind {
        Kind::List(values) => values.iter().map(text_of).collect(),
        _ => Ok(vec![text_of(value)?]),
    }
}

/// A path, which may not be empty: that would mean the working directory to some and nothing to others.
pub(super) fn path(item: &Item) -> Result<PathBuf> {
    let text = text(item)?;
    if text.is_empty() { Err(item.value.position.error("the path is empty")) } else { Ok(text.into()) }
}

/// `true`, `1`, `"true"`, `"1"` and their opposites.
pub(super) fn boolean(item: &Item) -> Result<bool> {
    const EXPECTED: &str = "true or false";
    let value = item.attribute()?;
    match &value.kind {
        Kind::Bool(value) => Ok(*value),
        Kind::String(text) | Kind::Number(text) => match text.to_ascii_lowercase().as_str() {
            "1" | "t" | "true" => Ok(true),
            "0" | "f" | "false" => Ok(false),
            _ => Err(value.position.error(format!("found {text:?}; expected {EXPECTED}"))),
        },
        _ => Err(value.unexpected(EXPECTED)),
    }
}

/// Seconds as a number, or a text such as `"768h"`.
pub(super) fn time(item: &Item) -> Result<Duration> {
    let value = item.attribute()?;
    let text = match &value.kind {
        Kind::String(text) => text.clone(),
        Kind::Number(text) => hcl::integer(text).map_or_else(|| text.clone(), |seconds| seconds.to_string()),
        _ => return Err(value.unexpected("a duration, as \"768h\" or 3600")),
    };
    duration::parse(&text).map_err(|error| value.position.error(error.message()))
}

pub(super) fn size(item: &Item) -> Result<u64> {
    const EXPECTED: &str = "a number of bytes";
    let value = item.attribute()?;
    match &value.kind {
        Kind::String(text) | Kind::Number(text) => hcl::integer(text)
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| value.position.error(format!("found {text:?}; expected {EXPECTED}"))),
        _ => Err(value.unexpected(EXPECTED)),
    }
}

/// The known name that differs from `name` by a slip or two of the fingers.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    let allowed = if name.len() < 6 { 1 } else { 2 };
    let name = name.to_ascii_lowercase().replace('-', "_");
    known
        .map(|known| (distance(&name, known), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, known)| known)
}

/// How many characters must be inserted, dropped or replaced to make one text of the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, character) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, wanted) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(character != *wanted);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

//! Statements as roles and connections hold them: SQL with placeholders, `CREATE USER '{{name}}' …`, in which values are put
//! so that none of them can be more than a value.
//!
//! Owns splitting, finding placeholders and escaping by where they stand; a dialect's tokens are `postgresql`'s and
//! `mysql`'s. What the placeholders are called and which statements are run when is the callers' business.
//!
//! Invariant: a statement that was filled in has the same tokens as it had with its placeholders. It is not only escaped so
//! but looked at again before it is given out. This holds for sessions with `standard_conforming_strings = on`, or without
//! `ANSI_QUOTES` and `NO_BACKSLASH_ESCAPES` in `sql_mode`: drivers set these themselves.

mod mysql;
mod postgresql;
mod scan;
#[cfg(test)]
mod tests;

use crate::base::hcl::Position;
use crate::base::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scan::{Fault, Piece, Place};
use std::ops::Range;
use zeroize::Zeroizing;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    PostgreSql,
    /// MySQL and MariaDB.
    MySql,
}

/// What is put in for the placeholders: names without braces, and their values.
pub type Values<'v> = [(&'v str, &'v str)];

/// One statement, read once.
#[derive(Debug, Clone)]
pub struct Statement {
    dialect: Dialect,
    text: String,
    pieces: Vec<Piece>,
    placeholders: Vec<Placeholder>,
    /// Which one of its list it is, from one, for errors.
    number: usize,
}

/// `{{name}}` in a statement; the range holds the braces.
#[derive(Debug, Clone)]
struct Placeholder {
    name: String,
    range: Range<usize>,
}

/// The texts of a list of statements as clients send them: each item is text with statements parted by `;`, or a JSON array of
/// such texts, or either of them in base64.
#[must_use]
pub fn items(given: &[String]) -> Vec<String> {
    given.iter().flat_map(|item| array(&decoded(item))).collect()
}

fn decoded(item: &str) -> String {
    // No statement is base64: it would need a space.
    let bytes = STANDARD.decode(item.trim()).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| item.to_owned())
}

fn array(item: &str) -> Vec<String> {
    serde_json::from_str(item).unwrap_or_else(|_| vec![item.to_owned()])
}

impl Dialect {
    /// Reads a list of statements: [`items`], each split at the semicolons that are not in quotes, bodies or comments.
    ///
    /// # Errors
    /// `BadRequest` with the place of a quote or comment that does not end, or of a placeholder that is not written so.
    pub fn read(self, given: &[String]) -> Result<Vec<Statement>> {
        let mut statements = Vec::new();
        for item in items(given) {
            let first = statements.len() + 1;
            let pieces = self.pieces(&item).map_err(|fault| fault.told(first, &item))?;
            for range in split(&item, &pieces) {
                let number = statements.len() + 1;
                statements.extend(Statement::read(self, &item[range], number)?);
            }
        }
        Ok(statements)
    }

    /// Reads a list of statements and fills it in.
    ///
    /// # Errors
    /// As [`Dialect::read`] and [`Statement::fill`].
    pub fn fill(self, given: &[String], values: &Values<'_>) -> Result<Vec<Zeroizing<String>>> {
        self.read(given)?.iter().map(|statement| statement.fill(values)).collect()
    }

    /// Looks a list of statements over before it is stored.
    ///
    /// # Errors
    /// As [`Dialect::read`]; also for a placeholder that is none of the known ones.
    pub fn check(self, given: &[String], known: &[&str]) -> Result<()> {
        for statement in self.read(given)? {
            for placeholder in &statement.placeholders {
                if !known.contains(&placeholder.name.as_str()) {
                    return Err(statement.unknown(placeholder, known));
                }
            }
        }
        Ok(())
    }

    fn pieces(self, text: &str) -> Result<Vec<Piece>, Fault> {
        match self {
            Self::PostgreSql => postgresql::pieces(text),
            Self::MySql => mysql::pieces(text),
        }
    }
}

/// The ranges between semicolons that stand outside everything.
fn split(text: &str, pieces: &[Piece]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for piece in pieces.iter().filter(|piece| piece.place == Place::Bare) {
        for (at, _) in text[piece.range.clone()].match_indices(';') {
            ranges.push(start..piece.range.start + at);
            start = piece.range.start + at + 1;
        }
    }
    ranges.push(start..text.len());
    ranges
}

impl Statement {
    /// None where there is nothing to run: only space and comments.
    fn read(dialect: Dialect, text: &str, number: usize) -> Result<Option<Self>> {
        let text = text.trim();
        let pieces = dialect.pieces(text).map_err(|fault| fault.told(number, text))?;
        let is_empty = |piece: &Piece| match piece.place {
            Place::Bare => text[piece.range.clone()].trim().is_empty(),
            place => place.is_comment(),
        };
        if pieces.iter().all(is_empty) {
            return Ok(None);
        }
        let mut statement = Self { dialect, text: text.to_owned(), pieces, placeholders: Vec::new(), number };
        statement.placeholders = statement.find_placeholders()?;
        statement.placeholders.iter().try_for_each(|placeholder| statement.check_place(placeholder))?;
        Ok(Some(statement))
    }

    /// The statement's text, with its placeholders.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a value is put in for this name.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        self.placeholders.iter().any(|placeholder| placeholder.name == name)
    }

    /// Puts the values in, each escaped by where it stands.
    ///
    /// # Errors
    /// `BadRequest` naming the statement and the place, never a value: for a name without a value, and where a value would have
    /// to be more than a value.
    pub fn fill(&self, values: &Values<'_>) -> Result<Zeroizing<String>> {
        // Large enough at once: a text that grows leaves what it held in freed memory.
        let room = |placeholder: &Placeholder| value(values, &placeholder.name).map_or(0, |value| 2 * value.len());
        let room = self.text.len() + self.placeholders.iter().map(room).sum::<usize>();
        let mut filled = Zeroizing::new(String::with_capacity(room));
        let mut expected = Vec::with_capacity(self.pieces.len());
        let mut placeholders = self.placeholders.iter().peekable();
        for piece in &self.pieces {
            let start = filled.len();
            let mut at = piece.range.start;
            while let Some(placeholder) = placeholders.next_if(|next| next.range.end <= piece.range.end) {
                filled.push_str(&self.text[at..placeholder.range.start]);
                self.put(&mut filled, placeholder, piece.place, values)?;
                at = placeholder.range.end;
            }
            filled.push_str(&self.text[at..piece.range.end]);
            expected.push(Piece { place: piece.place, range: start..filled.len() });
        }
        // An empty piece is one whose only content was a placeholder with an empty value.
        expected.retain(|piece| !piece.range.is_empty());
        match self.dialect.pieces(&filled) {
            Ok(pieces) if pieces == expected => Ok(filled),
            _ => Err(Error::bad_request(format!(
                "statement {}: a value would change how the statement reads; put its placeholder into quotes, with nothing \
                 beside it that a quote or comment is made of",
                self.number
            ))),
        }
    }

    fn put(
        &self,
        filled: &mut Zeroizing<String>,
        placeholder: &Placeholder,
        place: Place,
        values: &Values<'_>,
    ) -> Result<()> {
        let Some(value) = value(values, &placeholder.name) else {
            let known: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
            return Err(self.unknown(placeholder, &known));
        };
        if place.escape(self.dialect, value, filled) {
            return Ok(());
        }
        let rule = if place.is_quoted() {
            "a value with a NUL in it cannot be put in"
        } else {
            "only letters, digits and _ . @ - may be put in here; put the placeholder into quotes"
        };
        Err(self.error(placeholder, &format!("it stands {}: {rule}", place.words())))
    }

    /// Whether anything can be put in where the placeholder stands.
    fn check_place(&self, placeholder: &Placeholder) -> Result<()> {
        let Range { start, end } = placeholder.range;
        let Some(piece) = self.pieces.iter().find(|piece| piece.range.start <= start && end <= piece.range.end) else {
            return Err(self.error(placeholder, "it begins in one quote and ends in another"));
        };
        if piece.place == Place::Unicode {
            return Err(
                self.error(placeholder, "it stands in a U& string, where nothing can be put in: use plain quotes")
            );
        }
        let before = &self.text[piece.range.start..start];
        if piece.place.has_backslashes(self.dialect) && ends_in_escape(before) {
            return Err(self.error(placeholder, "the backslash before it would take away the value's first character"));
        }
        Ok(())
    }

    fn find_placeholders(&self) -> Result<Vec<Placeholder>> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(at) = self.text[from..].find("{{") {
            let start = from + at;
            let Some((inner, _)) = self.text[start + 2..].split_once("}}") else { break };
            let name = inner.trim();
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name {
                from = start + 1;
                continue;
            }
            if name.len() < inner.len() {
                let position = position(&self.text, start);
                return Err(self.error_at(position, &format!("placeholders are written without space: {{{{{name}}}}}")));
            }
            from = start + inner.len() + 4;
            found.push(Placeholder { name: name.to_owned(), range: start..from });
        }
        Ok(found)
    }

    fn unknown(&self, placeholder: &Placeholder, known: &[&str]) -> Error {
        let known: Vec<String> = known.iter().map(|name| format!("{{{{{name}}}}}")).collect();
        self.error(placeholder, &format!("there is nothing to put in for it; there is {}", known.join(", ")))
    }

    fn error(&self, placeholder: &Placeholder, what: &str) -> Error {
        let position = position(&self.text, placeholder.range.start);
        self.error_at(position, &format!("{{{{{}}}}}: {what}", placeholder.name))
    }

    fn error_at(&self, position: Position, what: &str) -> Error {
        Error::bad_request(format!("statement {}, {position}: {what}", self.number))
    }
}

fn value<'v>(values: &Values<'v>, name: &str) -> Option<&'v str> {
    values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// Whether a text ends in a backslash that is not itself escaped.
fn ends_in_escape(text: &str) -> bool {
    text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The line and column of a byte.
fn position(text: &str, at: usize) -> Position {
    text[..at].chars().fold(Position::START, Position::after)
}

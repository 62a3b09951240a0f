//! `PATH#FIELD`, and `NAME=PATH#FIELD`: what a program wants and what it wants to call it.

use crate::cli::Failure;
use crate::cli::invocation::trimmed_path;

/// A path, and the one field of it that is meant. Without a field, the whole secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub path: String,
    pub field: Option<String>,
}

impl Reference {
    /// Takes `PATH` or `PATH#FIELD`; the last `#` counts.
    ///
    /// # Errors
    /// No path, or nothing behind the `#`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let (path, field) = match text.rsplit_once('#') {
            Some((path, field)) => (path, Some(field)),
            None => (text, None),
        };
        if trimmed_path(path).is_empty() || field == Some("") {
            return Err(Failure::local(format!(
                "{text:?} names no secret: expected PATH#FIELD, as in secret/app#password"
            )));
        }
        Ok(Self { path: trimmed_path(path).to_owned(), field: field.map(str::to_owned) })
    }

    /// Takes `NAME=PATH#FIELD`, where the name can be that of an environment variable.
    ///
    /// # Errors
    /// A name that no shell could use, and as [`Reference::parse`].
    pub fn named(text: &str) -> Result<(String, Self), Failure> {
        let (name, reference) = text.split_once('=').unwrap_or_default();
        if !is_variable(name) {
            return Err(Failure::local(format!(
                "{text:?} is not of the form NAME=PATH#FIELD, with a NAME of letters, digits and _"
            )));
        }
        Ok((name.to_owned(), Self::parse(reference)?))
    }
}

/// Whether a shell takes this as the name of a variable.
#[must_use]
pub fn is_variable(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(plain) && !name.as_bytes()[0].is_ascii_digit()
}

//! Pieces of a statement: where quotes, bodies and comments begin and end, and how a value is written inside each.

use super::{Dialect, position};
use crate::base::Error;
use std::ops::Range;
use zeroize::Zeroizing;

/// What a piece of a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Outside everything.
    Bare,
    /// `'…'`
    Single,
    /// `E'…'`
    Escaped,
    /// `"…"`
    Double,
    /// `` `…` ``
    Backtick,
    /// `$tag$…$tag$`
    Dollar,
    /// `U&'…'` and `U&"…"`
    Unicode,
    LineComment,
    BlockComment,
}

/// A piece, delimiters included. The pieces of a statement follow on each other and cover it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub place: Place,
    pub range: Range<usize>,
}

/// Something that does not end.
#[derive(Debug)]
pub(super) struct Fault {
    pub at: usize,
    pub what: &'static str,
}

impl Fault {
    pub(super) fn told(&self, number: usize, text: &str) -> Error {
        Error::bad_request(format!("statement {number}, {}: {}", position(text, self.at), self.what))
    }
}

impl Place {
    pub(super) fn is_comment(self) -> bool {
        matches!(self, Self::LineComment | Self::BlockComment)
    }

    pub(super) fn is_quoted(self) -> bool {
        matches!(self, Self::Single | Self::Escaped | Self::Double | Self::Backtick)
    }

    pub(super) fn has_backslashes(self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::PostgreSql => self == Self::Escaped,
            Dialect::MySql => matches!(self, Self::Single | Self::Double),
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Bare => "outside quotes",
            Self::Single | Self::Escaped => "in '…'",
            Self::Double => "in \"…\"",
            Self::Backtick => "in `…`",
            Self::Dollar => "in a dollar-quoted text",
            Self::Unicode => "in a U& string",
            Self::LineComment | Self::BlockComment => "in a comment",
        }
    }

    /// Writes the value as it has to be written here; false where it cannot be.
    pub(super) fn escape(self, dialect: Dialect, value: &str, to: &mut Zeroizing<String>) -> bool {
        let quote = match self {
            Self::Single | Self::Escaped => '\'',
            Self::Double => '"',
            Self::Backtick => '`',
            Self::Bare | Self::Dollar | Self::Unicode | Self::LineComment | Self::BlockComment => {
                to.push_str(value);
                return value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte));
            }
        };
        for character in value.chars() {
            if character == quote || (character == '\\' && self.has_backslashes(dialect)) {
                to.push(character);
            }
            to.push(character);
        }
        !value.contains('\0')
    }
}

/// Reads a text from its beginning to its end; what is read is put into pieces.
pub(super) struct Scanner<'t> {
    pub text: &'t [u8],
    pub at: usize,
    pieces: Vec<Piece>,
    /// Where the present run of bare text began.
    bare: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text: text.as_bytes(), at: 0, pieces: Vec::new(), bare: 0 }
    }

    pub(super) fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    pub(super) fn looking_at(&self, what: &str) -> bool {
        self.text[self.at..].starts_with(what.as_bytes())
    }

    /// The text from here to `end` is a piece of its own.
    pub(super) fn take(&mut self, place: Place, end: usize) {
        self.end_bare();
        self.pieces.push(Piece { place, range: self.at..end });
        self.at = end;
        self.bare = end;
    }

    pub(super) fn finish(mut self) -> Vec<Piece> {
        self.end_bare();
        self.pieces
    }

    fn end_bare(&mut self) {
        if self.bare < self.at {
            self.pieces.push(Piece { place: Place::Bare, range: self.bare..self.at });
        }
    }

    /// The end of a quoted text whose first character stands at `from`: behind the quote that is not doubled, nor behind a
    /// backslash where those count.
    pub(super) fn end_of_quote(&self, from: usize, quote: u8, backslashes: bool) -> Result<usize, Fault> {
        let mut at = from;
        while let Some(byte) = self.text.get(at) {
            at += match byte {
                b'\\' if backslashes => 2,
                byte if *byte == quote && self.text.get(at + 1) == Some(&quote) => 2,
                byte if *byte == quote => return Ok(at + 1),
                _ => 1,
            };
        }
        Err(self.fault("a quote that is opened here is not closed"))
    }

    /// The end of the line, or of the text.
    pub(super) fn end_of_line(&self, ends: &[u8]) -> usize {
        let rest = &self.text[self.at..];
        rest.iter().position(|byte| ends.contains(byte)).map_or(self.text.len(), |length| self.at + length)
    }

    /// Where `what` next begins, from `from` on.
    pub(super) fn find(&self, from: usize, what: &[u8]) -> Option<usize> {
        let rest = self.text.get(from..)?;
        rest.windows(what.len()).position(|window| window == what).map(|at| from + at)
    }

    pub(super) fn fault(&self, what: &'static str) -> Fault {
        Fault { at: self.at, what }
    }
}

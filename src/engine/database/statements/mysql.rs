//! The tokens of MySQL and MariaDB, as far as they decide where a text begins and ends: `'…'` and `"…"` with backslashes,
//! `` `…` ``, `-- `, `#` and `/* */`. Sessions are without `ANSI_QUOTES` and `NO_BACKSLASH_ESCAPES`.
//!
//! What stands in `/*! */` or `/*+ */` is code to some servers and a comment to others, and `$$` a quote to some and a name to
//! others. Where that makes a difference it is refused.

use super::scan::{Fault, Piece, Place, Scanner};

pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, Fault> {
    let mut scanner = Scanner::new(text);
    while let Some(byte) = scanner.byte(0) {
        match byte {
            b'\'' => quoted(&mut scanner, Place::Single, byte)?,
            b'"' => quoted(&mut scanner, Place::Double, byte)?,
            b'`' => quoted(&mut scanner, Place::Backtick, byte)?,
            b'#' => line_comment(&mut scanner),
            b'-' if scanner.looking_at("--") && scanner.byte(2).is_none_or(|next| next <= b' ' || next == 0x7f) => {
                line_comment(&mut scanner);
            }
            b'/' if scanner.looking_at("/*") => {
                let end = end_of_comment(&scanner)?;
                scanner.take(Place::BlockComment, end);
            }
            b'$' if is_dollar_quote(&scanner) => return Err(scanner.fault("dollar quotes are not understood")),
            _ if is_word(byte) => {
                while scanner.byte(0).is_some_and(is_word) {
                    scanner.at += 1;
                }
            }
            _ => scanner.at += 1,
        }
    }
    Ok(scanner.finish())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn is_dollar_quote(scanner: &Scanner<'_>) -> bool {
    let rest = &scanner.text[scanner.at + 1..];
    rest.iter().find(|byte| **byte == b'$' || !is_word(**byte)) == Some(&b'$')
}

fn quoted(scanner: &mut Scanner<'_>, place: Place, quote: u8) -> Result<(), Fault> {
    let end = scanner.end_of_quote(scanner.at + 1, quote, place != Place::Backtick)?;
    scanner.take(place, end);
    Ok(())
}

fn line_comment(scanner: &mut Scanner<'_>) {
    let end = scanner.end_of_line(b"\n");
    scanner.take(Place::LineComment, end);
}

fn end_of_comment(scanner: &Scanner<'_>) -> Result<usize, Fault> {
    let body = scanner.at + 2;
    let end = scanner.find(body, b"*/").ok_or_else(|| scanner.fault("a comment that is opened here is not closed"))?;
    let inner = &scanner.text[body..end];
    let is_code = inner.starts_with(b"!") || inner.starts_with(b"M!") || inner.starts_with(b"+");
    let is_doubtful =
        |at: usize| b"'\"`#;".contains(&inner[at]) || inner[at..].starts_with(b"--") || inner[at..].starts_with(b"/*");
    if is_code && (0..inner.len()).any(is_doubtful) {
        return Err(scanner.fault("quotes, comments and semicolons inside /*! */ or /*+ */ are not understood"));
    }
    Ok(end + 2)
}

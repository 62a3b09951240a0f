//! PostgreSQL's tokens, as far as they decide where a text begins and ends: `'…'`, `E'…'`, `U&'…'`, `"…"`, `$tag$…$tag$`,
//! `--` and nested `/* */`. Strings are those of `standard_conforming_strings = on`.

use super::scan::{Fault, Piece, Place, Scanner};

pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, Fault> {
    let mut scanner = Scanner::new(text);
    while let Some(byte) = scanner.byte(0) {
        match byte {
            b'\'' => string(&mut scanner, Place::Single, 1)?,
            b'"' => identifier(&mut scanner, Place::Double, 1)?,
            b'$' => dollar(&mut scanner)?,
            b'-' if scanner.looking_at("--") => {
                let end = scanner.end_of_line(b"\n\r");
                scanner.take(Place::LineComment, end);
            }
            b'/' if scanner.looking_at("/*") => {
                let end = end_of_comment(&scanner)?;
                scanner.take(Place::BlockComment, end);
            }
            b'0'..=b'9' => number(&mut scanner)?,
            _ if begins_word(byte) => word(&mut scanner)?,
            _ => scanner.at += 1,
        }
    }
    Ok(scanner.finish())
}

fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn continues_word(byte: u8) -> bool {
    begins_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// A word, or the letter that says how the string behind it is to be read.
fn word(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    match (scanner.byte(0), scanner.byte(1), scanner.byte(2)) {
        (Some(b'e' | b'E'), Some(b'\''), _) => return string(scanner, Place::Escaped, 2),
        (Some(b'u' | b'U'), Some(b'&'), Some(b'\'')) => return string(scanner, Place::Unicode, 3),
        (Some(b'u' | b'U'), Some(b'&'), Some(b'"')) => return identifier(scanner, Place::Unicode, 3),
        _ => {}
    }
    while scanner.byte(0).is_some_and(continues_word) {
        scanner.at += 1;
    }
    Ok(())
}

/// A number and the letters and dots right behind it. Where such a number ends before a quote differs from version to version.
fn number(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    while scanner.byte(0).is_some_and(|byte| begins_word(byte) || byte.is_ascii_digit() || byte == b'.') {
        scanner.at += 1;
    }
    match scanner.byte(0) {
        Some(b'$' | b'\'' | b'"' | b'&') => {
            Err(scanner.fault("what follows here on a number has to be parted from it by a space"))
        }
        _ => Ok(()),
    }
}

/// A string, with what continues it on further lines: that is read as its beginning is.
fn string(scanner: &mut Scanner<'_>, place: Place, opening: usize) -> Result<(), Fault> {
    let backslashes = place == Place::Escaped;
    let mut end = scanner.end_of_quote(scanner.at + opening, b'\'', backslashes)?;
    while let Some(quote) = continuation(scanner.text, end) {
        end = scanner.end_of_quote(quote + 1, b'\'', backslashes)?;
    }
    scanner.take(place, end);
    Ok(())
}

/// The quote that continues a string which ended at `end`: behind space with at least one line break in it; comments count as
/// space.
fn continuation(text: &[u8], end: usize) -> Option<usize> {
    let mut at = end;
    let mut lines = false;
    loop {
        match text.get(at)? {
            b'\n' | b'\r' => lines = true,
            b' ' | b'\t' | 0x0b | 0x0c => {}
            b'-' if text.get(at + 1) == Some(&b'-') => {
                at += text[at..].iter().position(|byte| b"\n\r".contains(byte))?;
                continue;
            }
            b'\'' if lines => return Some(at),
            _ => return None,
        }
        at += 1;
    }
}

fn identifier(scanner: &mut Scanner<'_>, place: Place, opening: usize) -> Result<(), Fault> {
    let end = scanner.end_of_quote(scanner.at + opening, b'"', false)?;
    scanner.take(place, end);
    Ok(())
}

/// `$tag$…$tag$`, or a dollar that is something else (`$1`).
fn dollar(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    let rest = &scanner.text[scanner.at + 1..];
    let length = rest.iter().take_while(|byte| begins_word(**byte) || byte.is_ascii_digit()).count();
    let is_tag = rest.get(length) == Some(&b'$') && !rest.first().is_some_and(u8::is_ascii_digit);
    if !is_tag {
        scanner.at += 1;
        return Ok(());
    }
    let body = scanner.at + length + 2;
    let delimiter = &scanner.text[scanner.at..body];
    let end = scanner
        .find(body, delimiter)
        .ok_or_else(|| scanner.fault("a dollar quote that is opened here is not closed"))?;
    let end = end + delimiter.len();
    scanner.take(Place::Dollar, end);
    Ok(())
}

fn end_of_comment(scanner: &Scanner<'_>) -> Result<usize, Fault> {
    let mut at = scanner.at;
    let mut depth = 0_usize;
    loop {
        match scanner.text.get(at..at + 2) {
            Some(b"/*") => depth += 1,
            Some(b"*/") => depth -= 1,
            Some(_) => {
                at += 1;
                continue;
            }
            None => return Err(scanner.fault("a comment that is opened here is not closed")),
        }
        at += 2;
        if depth == 0 {
            return Ok(at);
        }
    }
}

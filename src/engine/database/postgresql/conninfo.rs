//! The two ways to write where a PostgreSQL is: `postgresql://user:password@host/database?key=value` and `key=value` pairs.
//! Owns their grammar, and where in them a password stands that must not be shown; what the keys mean is `address`'s.

use crate::base::{Error, Result};
use std::ops::Range;
use zeroize::Zeroizing;

/// Keys and values, in order; placeholders are left as they are.
///
/// # Errors
/// `BadRequest` for what is neither form.
pub fn settings(text: &str) -> Result<Vec<(String, Zeroizing<String>)>> {
    match after_scheme(text) {
        Some(rest) => from_uri(rest),
        None => Pairs { text, at: 0 }.map(|pair| pair.map(|pair| (pair.key.to_owned(), pair.value))).collect(),
    }
}

/// The text as it may be shown: a password that stands in it is starred.
#[must_use]
pub fn shown(text: &str) -> String {
    match literal_password(text) {
        Some(range) => format!("{}*****{}", &text[..range.start], &text[range.end..]),
        None => text.to_owned(),
    }
}

/// Where a password stands that is no placeholder.
#[must_use]
pub fn literal_password(text: &str) -> Option<Range<usize>> {
    let range = match after_scheme(text) {
        Some(rest) => password_of_uri(text.len() - rest.len(), rest),
        None => Pairs { text, at: 0 }.flatten().find(|pair| pair.key == "password").map(|pair| pair.range),
    };
    range.filter(|range| !matches!(text[range.clone()].trim_matches('\''), "" | "{{password}}"))
}

fn after_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"))
}

/// What stands before the path: user, password, hosts.
fn authority(rest: &str) -> &str {
    &rest[..rest.find(['/', '?']).unwrap_or(rest.len())]
}

fn password_of_uri(start: usize, rest: &str) -> Option<Range<usize>> {
    let userinfo = authority(rest).rsplit_once('@').and_then(|(userinfo, _)| userinfo.split_once(':'));
    if let Some((user, password)) = userinfo {
        let begin = start + user.len() + 1;
        return Some(begin..begin + password.len());
    }
    let query = rest.find('?')? + 1;
    let begin = query + rest[query..].find("password=").filter(|at| *at == 0 || rest[..query + at].ends_with('&'))?;
    let value = begin + "password=".len();
    let end = rest[value..].find('&').map_or(rest.len(), |length| value + length);
    Some(start + value..start + end)
}

fn from_uri(rest: &str) -> Result<Vec<(String, Zeroizing<String>)>> {
    let authority = authority(rest);
    let tail = &rest[authority.len()..];
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let (userinfo, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let places = hosts.split(',').map(host_and_port).collect::<Result<Vec<_>>>()?;
    let names: Vec<_> = places.iter().map(|(name, _)| *name).collect();
    let mut ports: Vec<_> = places.iter().map(|(_, port)| *port).collect();
    if ports.iter().all(|port| port.is_empty()) {
        ports.clear();
    }
    let (names, ports) = (names.join(","), ports.join(","));
    let mut found = Vec::new();
    let parts = [("user", user), ("password", password), ("host", &names), ("port", &ports)];
    for (key, value) in parts.into_iter().chain([("dbname", path.trim_start_matches('/'))]) {
        if !value.is_empty() {
            found.push((key.to_owned(), decoded(value)?));
        }
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| Error::bad_request("after the ?, write key=value, joined by &"))?;
        found.push((key.to_owned(), decoded(value)?));
    }
    Ok(found)
}

/// `host`, `host:port`, `[v6]:port`.
fn host_and_port(text: &str) -> Result<(&str, &str)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (host, rest) = inner.split_once(']').ok_or_else(|| Error::bad_request("a [ without its ]"))?;
        return Ok((host, rest.strip_prefix(':').unwrap_or("")));
    }
    Ok(text.split_once(':').unwrap_or((text, "")))
}

fn decoded(text: &str) -> Result<Zeroizing<String>> {
    let wrong = || Error::bad_request("a % must be followed by two hexadecimal digits; write %25 for the sign itself");
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or_else(wrong);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::bad_request("it is not UTF-8 once decoded"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

struct Pair<'t> {
    key: &'t str,
    value: Zeroizing<String>,
    /// Where the value stands.
    range: Range<usize>,
}

/// Reads `key = 'value' key=value …`.
struct Pairs<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Iterator for Pairs<'t> {
    type Item = Result<Pair<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_spaces();
        if self.at == self.text.len() {
            return None;
        }
        let pair = self.pair();
        if pair.is_err() {
            self.at = self.text.len();
        }
        Some(pair)
    }
}

impl<'t> Pairs<'t> {
    fn pair(&mut self) -> Result<Pair<'t>> {
        let wrong = || {
            Error::bad_request(
                "it is neither postgresql://… nor pairs like host=db.example user={{username}} password={{password}}",
            )
        };
        let start = self.at;
        let length = self.text[start..].find(|c: char| c == '=' || c.is_whitespace()).ok_or_else(wrong)?;
        self.at = start + length;
        let key = &self.text[start..self.at];
        self.skip_spaces();
        if key.is_empty() || !self.text[self.at..].starts_with('=') {
            return Err(wrong());
        }
        self.at += 1;
        self.skip_spaces();
        let begin = self.at;
        let value = self.value()?;
        Ok(Pair { key, value, range: begin..self.at })
    }

    /// A value, in quotes or up to the next space; a backslash takes the next character as it is.
    fn value(&mut self) -> Result<Zeroizing<String>> {
        let quoted = self.text[self.at..].starts_with('\'');
        let mut value = Zeroizing::new(String::new());
        let mut characters = self.text[self.at..].char_indices().skip(usize::from(quoted));
        while let Some((offset, character)) = characters.next() {
            match character {
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                '\'' if quoted => {
                    self.at += offset + 1;
                    return Ok(value);
                }
                other if !quoted && other.is_whitespace() => {
                    self.at += offset;
                    return Ok(value);
                }
                other => value.push(other),
            }
        }
        self.at = self.text.len();
        if quoted { Err(Error::bad_request("a value in quotes does not end")) } else { Ok(value) }
    }

    fn skip_spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }
}

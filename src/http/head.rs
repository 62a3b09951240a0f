//! The head of a request: finds its end, parses it, and decides how its body is framed. Pure; stricter than `httparse`,
//! which it stands on: what another reader might understand differently is refused.

use crate::http::config::Limits;
use crate::http::headers::Headers;
use crate::http::refusal::Refusal;
use std::mem::MaybeUninit;

pub(super) struct Head {
    pub method: String,
    /// Path and query exactly as sent, or `*`.
    pub target: String,
    pub headers: Headers,
    pub framing: Framing,
    /// HTTP/1.0.
    pub legacy: bool,
    pub keep_alive: bool,
    pub expects_continue: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
}

/// Looks for the empty line that ends the head and returns the position behind it. `scanned` remembers how far earlier
/// calls have looked, so that a head that trickles in is looked at once.
pub(super) fn find_end(bytes: &[u8], scanned: &mut usize, limits: &Limits) -> Result<Option<usize>, Refusal> {
    if bytes.first().is_some_and(|first| !is_token_byte(*first)) {
        return Err(Refusal::bad("this is not an HTTP request"));
    }
    let visible = &bytes[..bytes.len().min(limits.max_header_bytes)];
    while let Some(at) = visible[*scanned..].iter().position(|byte| *byte == b'\n').map(|at| at + *scanned) {
        *scanned = at + 1;
        if !visible[..at].ends_with(b"\r") {
            return Err(Refusal::bad("a line of the request's head ends without a carriage return"));
        }
        if visible[..at].ends_with(b"\n\r") {
            return Ok(Some(at + 1));
        }
    }
    *scanned = visible.len();
    if visible.len() == limits.max_header_bytes { Err(Refusal::HEADERS_TOO_LARGE) } else { Ok(None) }
}

/// Parses a head that [`find_end`] found whole.
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Head, Refusal> {
    let mut room = [const { MaybeUninit::uninit() }; Limits::MOST_HEADERS];
    let room = &mut room[..limits.max_headers.min(Limits::MOST_HEADERS)];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(bytes, room) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Refusal::bad("the request's head ends too early")),
        Err(error) => return Err(refuse(error, bytes)),
    }
    let method = parsed.method.unwrap_or_default();
    let legacy = parsed.version == Some(0);
    let target = origin_form(method, parsed.path.unwrap_or_default())?;
    let (headers, facts) = read_fields(parsed.headers, bytes.len())?;
    facts.check_host(legacy)?;
    Ok(Head {
        method: method.to_owned(),
        target: target.to_owned(),
        framing: facts.framing(legacy, limits)?,
        keep_alive: !facts.close && (!legacy || facts.keep_alive),
        expects_continue: facts.expects_continue && !legacy,
        legacy,
        headers,
    })
}

fn refuse(error: httparse::Error, bytes: &[u8]) -> Refusal {
    use httparse::Error::{HeaderName, HeaderValue, NewLine, Status, Token, TooManyHeaders, Version};
    match error {
        TooManyHeaders => Refusal::new(431, "the request has too many header fields"),
        Version if names_a_version(bytes) => Refusal::new(505, "only HTTP/1.1 and HTTP/1.0 are spoken here"),
        HeaderName => Refusal::bad("a header field's name is not valid"),
        HeaderValue => Refusal::bad("a header field's value is not valid"),
        Token | NewLine | Status | Version => Refusal::bad("the request line is not valid"),
    }
}

/// Whether the request line is one, of another version: method, target and something that begins like a version.
fn names_a_version(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    line.split(|byte| *byte == b' ').nth(2).is_some_and(|version| version.starts_with(b"HTTP/"))
}

/// Reduces the target to path and query. Clients of a proxy send `http://host/path`, which servers must take, too.
fn origin_form<'a>(method: &str, target: &'a str) -> Result<&'a str, Refusal> {
    let wrong = Refusal::bad("the request's target is not a path");
    if target.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'#') {
        return Err(wrong);
    }
    if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        return Ok(target);
    }
    let (scheme, rest) = target.split_once("://").ok_or(wrong)?;
    let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    match rest.find(['/', '?']) {
        Some(0) => Err(wrong),
        Some(at) if known && rest[at..].starts_with('/') => Ok(&rest[at..]),
        None if known && !rest.is_empty() => Ok("/"),
        _ => Err(wrong),
    }
}

/// What the fields say about the connection and the body.
#[derive(Default)]
struct Facts<'a> {
    hosts: usize,
    length: Option<&'a str>,
    coding: Option<&'a str>,
    keep_alive: bool,
    close: bool,
    expects_continue: bool,
}

fn read_fields<'a>(fields: &[httparse::Header<'a>], bytes: usize) -> Result<(Headers, Facts<'a>), Refusal> {
    let mut headers = Headers::with_capacity(bytes, fields.len());
    let mut facts = Facts::default();
    for field in fields {
        let value =
            std::str::from_utf8(field.value).map_err(|_| Refusal::bad("a header field's value is not valid UTF-8"))?;
        facts.note(field.name, value)?;
        headers.push(field.name, value);
    }
    Ok((headers, facts))
}

impl<'a> Facts<'a> {
    fn note(&mut self, name: &str, value: &'a str) -> Result<(), Refusal> {
        if name.eq_ignore_ascii_case("host") {
            self.hosts += 1;
            if !value.bytes().all(is_host_byte) {
                return Err(Refusal::bad("the Host header is not valid"));
            }
        } else if name.eq_ignore_ascii_case("content-length") {
            if self.length.replace(value).is_some() {
                return Err(Refusal::bad("the request has more than one Content-Length"));
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if self.coding.replace(value).is_some() {
                return Err(Refusal::bad("the request has more than one Transfer-Encoding"));
            }
        } else if name.eq_ignore_ascii_case("connection") {
            for option in value.split(',').map(str::trim) {
                self.close |= option.eq_ignore_ascii_case("close");
                self.keep_alive |= option.eq_ignore_ascii_case("keep-alive");
            }
        } else if name.eq_ignore_ascii_case("expect") {
            if !value.eq_ignore_ascii_case("100-continue") {
                return Err(Refusal::new(417, "the only expectation met here is 100-continue"));
            }
            self.expects_continue = true;
        }
        Ok(())
    }

    fn check_host(&self, legacy: bool) -> Result<(), Refusal> {
        match self.hosts {
            1 => Ok(()),
            0 if legacy => Ok(()),
            0 => Err(Refusal::bad("the request has no Host header")),
            _ => Err(Refusal::bad("the request has more than one Host header")),
        }
    }

    fn framing(&self, legacy: bool, limits: &Limits) -> Result<Framing, Refusal> {
        match (self.coding, self.length) {
            (Some(_), Some(_)) => Err(Refusal::bad("the request has both Transfer-Encoding and Content-Length")),
            (Some(_), None) if legacy => Err(Refusal::bad("HTTP/1.0 has no Transfer-Encoding")),
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            (Some(_), None) => Err(Refusal::new(501, "the only Transfer-Encoding known here is chunked")),
            (None, Some(length)) => content_length(length, limits),
            (None, None) => Ok(Framing::Length(0)),
        }
    }
}

fn content_length(text: &str, limits: &Limits) -> Result<Framing, Refusal> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::bad("Content-Length is not a number"));
    }
    match text.parse() {
        Ok(length) if length <= limits.max_body_bytes => Ok(Framing::Length(length)),
        _ => Err(Refusal::BODY_TOO_LARGE),
    }
}

/// What a method or a header field's name is made of (RFC 9110, 5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

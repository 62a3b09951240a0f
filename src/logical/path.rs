//! The one canonical form of a path. What happens to `%2F`, `//`, `.`, `..`, NUL and a trailing slash is decided here and
//! nowhere else: everything behind the edge takes a [`CanonicalPath`] and trusts it.

use crate::base::{Error, Result};
use std::fmt;

/// Longest path accepted, in bytes after decoding.
pub const MAX_BYTES: usize = 4096;

/// A decoded path below the API's root, as `aws/creds/support`: no leading slash, no empty, `.` or `..` segment, no control
/// character. A trailing slash is kept: it tells a folder from a thing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanonicalPath(String);

impl CanonicalPath {
    /// Decodes the path of a URL (RFC 3986): percent-encoding is undone once, so that `%2F` is a slash like any other, and
    /// repeated slashes count as one.
    ///
    /// # Errors
    /// `BadRequest` for broken percent-encoding, text that is not UTF-8, control characters, `.` and `..` segments, and
    /// paths that are too long.
    pub fn from_url(raw: &str) -> Result<Self> {
        Self::from_text(&percent_decode(raw)?)
    }

    /// Canonicalises a path that is already decoded.
    ///
    /// # Errors
    /// As [`Self::from_url`], less the encoding.
    pub fn from_text(text: &str) -> Result<Self> {
        if text.len() > MAX_BYTES {
            return Err(Error::bad_request(format!("the path is longer than {MAX_BYTES} bytes")));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::bad_request("the path holds a control character"));
        }
        let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
        if segments.iter().any(|segment| matches!(*segment, "." | "..")) {
            return Err(Error::bad_request("path cannot contain parent references: '.' and '..' are no names"));
        }
        let mut path = segments.join("/");
        if text.ends_with('/') && !path.is_empty() {
            path.push('/');
        }
        Ok(Self(path))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same path as a folder, with one trailing slash.
    #[must_use]
    pub fn as_folder(&self) -> Self {
        if self.0.is_empty() || self.0.ends_with('/') { self.clone() } else { Self(format!("{}/", self.0)) }
    }

    /// The path without its trailing slash.
    #[must_use]
    pub fn without_slash(&self) -> &str {
        self.0.strip_suffix('/').unwrap_or(&self.0)
    }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn percent_decode(raw: &str) -> Result<String> {
    let broken = || Error::bad_request("the path's percent-encoding is broken: '%' takes two hexadecimal digits");
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.get(..2).ok_or_else(broken)?;
        bytes.extend(hex::decode(digits).map_err(|_| broken())?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| Error::bad_request("the path is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() -> Result<()> {
        for (raw, canonical) in [
            ("/sys/mounts", "sys/mounts"),
            ("sys//mounts/", "sys/mounts/"),
            ("a%2Fb", "a/b"),
            ("a%2fb%2F", "a/b/"),
            ("//a", "a"),
            ("", ""),
            ("/", ""),
            ("a%20b/%C3%A9", "a b/é"),
            ("a%252Fb", "a%2Fb"),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(CanonicalPath::from_url(raw)?.as_str(), canonical, "{raw}");
        }
        Ok(())
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for raw in ["a/../b", "a/%2e%2e/b", "./a", "a/.", "a%00b", "a%0Ab", "%", "%4", "%zz", "%ff", &"a/".repeat(3000)]
        {
            assert!(CanonicalPath::from_url(raw).is_err(), "{raw}");
        }
    }
}

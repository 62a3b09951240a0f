//! The pattern of a rule: which paths it matches, and which of two matching patterns is the more specific.

use std::cmp::Reverse;

/// A path as a rule writes it: exact; with `*` at its end, which matches any rest; with `+` as a segment, which matches any
/// one segment; or with both. Elsewhere `*` and `+` mean themselves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Without the `*` at its end.
    stem: String,
    is_prefix: bool,
    /// Number of segments that are `+`.
    wildcards: usize,
    /// Where the first `+` segment begins, or the final `*` stands.
    first_wildcard: usize,
}

/// How specific a pattern that is not exact is; the larger wins. Compared in the order of the fields: a later first wildcard,
/// no `*` at the end, fewer `+`, a longer stem, a stem that sorts later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Specificity<'a> {
    first_wildcard: usize,
    is_whole: bool,
    wildcards: Reverse<usize>,
    length: usize,
    stem: &'a str,
}

impl Pattern {
    /// Reads a pattern. A slash at its beginning is dropped, as older policies have one.
    ///
    /// # Errors
    /// In words, when `*` follows `+` directly.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.strip_prefix('/').unwrap_or(text);
        if text.contains("+*") {
            return Err("'+*' is forbidden: write + for one segment or * for any rest");
        }
        let (stem, is_prefix) = text.strip_suffix('*').map_or((text, false), |stem| (stem, true));
        let mut wildcards = 0;
        let mut first_wildcard = stem.len();
        let mut at = 0;
        for segment in stem.split('/') {
            if segment == "+" {
                first_wildcard = first_wildcard.min(at);
                wildcards += 1;
            }
            at += segment.len() + 1;
        }
        Ok(Self { stem: stem.to_owned(), is_prefix, wildcards, first_wildcard })
    }

    /// The text without the `*` at its end.
    pub(super) fn stem(&self) -> &str {
        &self.stem
    }

    pub(super) fn is_exact(&self) -> bool {
        !self.is_prefix && self.wildcards == 0
    }

    /// Whether `*` at its end is its only wildcard.
    pub(super) fn is_plain_prefix(&self) -> bool {
        self.is_prefix && self.wildcards == 0
    }

    pub(super) fn specificity(&self) -> Specificity<'_> {
        Specificity {
            first_wildcard: self.first_wildcard,
            is_whole: !self.is_prefix,
            wildcards: Reverse(self.wildcards),
            length: self.stem.len(),
            stem: &self.stem,
        }
    }

    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut segments = path.split('/');
        let mut wanted = self.stem.split('/').peekable();
        while let Some(want) = wanted.next() {
            let Some(segment) = segments.next() else { return false };
            let is_last = wanted.peek().is_none();
            let fits = want == "+" || segment == want || (self.is_prefix && is_last && segment.starts_with(want));
            if !fits {
                return false;
            }
        }
        self.is_prefix || segments.next().is_none()
    }

    /// Whether some path that begins with `prefix`, which ends in a slash, can match.
    pub(super) fn reaches_below(&self, prefix: &str) -> bool {
        let mut segments = prefix.strip_suffix('/').unwrap_or(prefix).split('/');
        let mut wanted = self.stem.split('/').peekable();
        for segment in segments.by_ref() {
            let Some(want) = wanted.next() else { return self.is_prefix };
            if self.is_prefix && wanted.peek().is_none() {
                return segment.starts_with(want);
            }
            if want != "+" && want != segment {
                return false;
            }
        }
        wanted.peek().is_some()
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.stem, if self.is_prefix { "*" } else { "" })
    }
}

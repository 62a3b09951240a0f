//! Header fields of a request: in order, names compared without case, wiped from memory when dropped (a token is one).

use std::fmt;
use std::ops::Range;
use zeroize::Zeroizing;

/// The fields of one request. All text lies in one block of memory, which is wiped on drop.
#[derive(Default)]
pub struct Headers {
    text: Zeroizing<String>,
    fields: Vec<Field>,
}

struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

impl Headers {
    /// Room for fields whose text takes at most `bytes` in all: growing would leave copies that nobody wipes.
    pub(super) fn with_capacity(bytes: usize, fields: usize) -> Self {
        Self { text: Zeroizing::new(String::with_capacity(bytes)), fields: Vec::with_capacity(fields) }
    }

    pub(super) fn push(&mut self, name: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        let middle = self.text.len();
        self.text.push_str(value);
        self.fields.push(Field { name: start..middle, value: middle..self.text.len() });
    }

    /// The value of the first field of this name.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The values of every field of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every field as it was sent, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| (&self.text[field.name.clone()], &self.text[field.value.clone()]))
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(pairs: T) -> Self {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let bytes = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        let mut headers = Self::with_capacity(bytes, pairs.len());
        for (name, value) in pairs {
            headers.push(name, value);
        }
        headers
    }
}

/// Names alone: values may be tokens.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_without_regard_to_case_and_in_order() {
        let headers: Headers = [("X-Vault-Token", "a"), ("Accept", "b"), ("x-vault-token", "c")].into_iter().collect();
        assert_eq!(headers.first("x-vault-TOKEN"), Some("a"));
        assert_eq!(headers.all("X-Vault-Token").collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(headers.first("Host"), None);
    }

    #[test]
    fn debug_shows_names_and_no_value() {
        let headers: Headers = [("X-Vault-Token", "canary")].into_iter().collect();
        assert_eq!(format!("{headers:?}"), r#"["X-Vault-Token"]"#);
    }
}

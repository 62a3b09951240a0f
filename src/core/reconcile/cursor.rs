//! Where a comparison goes on: a text that callers hand back as they got it.

use crate::base::{Error, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// At this place or the next behind it, with the engine's own page there.
    Outside { place: String, after: String },
    /// With the leases behind this row.
    Leases { after: i64 },
}

impl Cursor {
    pub const START: Self = Self::Outside { place: String::new(), after: String::new() };

    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Outside { place, after } => format!("outside-{}-{}", hex::encode(place), hex::encode(after)),
            Self::Leases { after } => format!("leases-{after}"),
        }
    }

    /// # Errors
    /// `BadRequest` for a text that no answer gave.
    pub fn parse(text: &str) -> Result<Self> {
        let unhexed = |text: &str| String::from_utf8(hex::decode(text).ok()?).ok();
        let parsed = match text.split('-').collect::<Vec<_>>().as_slice() {
            [""] => Some(Self::START),
            ["outside", place, after] => {
                unhexed(place).zip(unhexed(after)).map(|(place, after)| Self::Outside { place, after })
            }
            ["leases", after] => after.parse().ok().map(|after| Self::Leases { after }),
            _ => None,
        };
        parsed.ok_or_else(|| Error::bad_request("after takes what an earlier answer gave as next"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() -> Result<()> {
        for cursor in [
            Cursor::START,
            Cursor::Outside { place: "app-é".into(), after: "v-x/\u{0}".into() },
            Cursor::Leases { after: 77 },
        ] {
            assert_eq!(Cursor::parse(&cursor.text())?, cursor);
        }
        assert_eq!(Cursor::parse("")?, Cursor::START);
        for wrong in ["x", "outside-zz-", "outside-61", "leases-", "leases-1-2"] {
            assert!(Cursor::parse(wrong).is_err(), "{wrong}");
        }
        Ok(())
    }
}

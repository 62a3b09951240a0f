//! What a rule grants, as a set of bits, and which of them an operation needs.

use std::fmt;

/// A set of capabilities. `deny` is one of them and, once in, is the only one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Capabilities(u8);

impl Capabilities {
    pub const NONE: Self = Self(0);
    pub const CREATE: Self = Self(1);
    pub const READ: Self = Self(1 << 1);
    pub const UPDATE: Self = Self(1 << 2);
    pub const PATCH: Self = Self(1 << 3);
    pub const DELETE: Self = Self(1 << 4);
    pub const LIST: Self = Self(1 << 5);
    pub const SUDO: Self = Self(1 << 6);
    pub const DENY: Self = Self(1 << 7);

    /// In the order in which answers list them.
    const NAMES: [(&'static str, Self); 8] = [
        ("create", Self::CREATE),
        ("delete", Self::DELETE),
        ("deny", Self::DENY),
        ("list", Self::LIST),
        ("patch", Self::PATCH),
        ("read", Self::READ),
        ("sudo", Self::SUDO),
        ("update", Self::UPDATE),
    ];

    /// The capability of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, capability)| *capability)
    }

    /// Both sets together; with `deny` in either, `deny` alone.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        let both = self.0 | other.0;
        if both & Self::DENY.0 != 0 { Self::DENY } else { Self(both) }
    }

    /// Whether all of `wanted` are in the set; nothing is in a set that denies but `deny`.
    #[must_use]
    pub const fn contains(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// What is in both sets.
    #[must_use]
    pub const fn overlap(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[must_use]
    pub const fn denies(self) -> bool {
        self.contains(Self::DENY)
    }

    /// Whether the set grants anything at all.
    #[must_use]
    pub const fn grants(self) -> bool {
        self.0 != 0 && !self.denies()
    }

    /// The names in the set, sorted.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(_, capability)| self.contains(*capability)).map(|(name, _)| name)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// What a caller wants to do at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Create,
    Read,
    Update,
    Patch,
    Delete,
    List,
    /// Reading the help of a path; every valid token may.
    Help,
}

impl Operation {
    /// The capability that the operation needs, if it needs one.
    #[must_use]
    pub const fn needs(self) -> Capabilities {
        match self {
            Self::Create => Capabilities::CREATE,
            Self::Read => Capabilities::READ,
            Self::Update => Capabilities::UPDATE,
            Self::Patch => Capabilities::PATCH,
            Self::Delete => Capabilities::DELETE,
            Self::List => Capabilities::LIST,
            Self::Help => Capabilities::NONE,
        }
    }
}

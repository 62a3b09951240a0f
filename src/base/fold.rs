//! The one form in which names compare that mean the same whatever their case and the space around them. Whoever keeps,
//! counts or forbids something by such a name uses this form and no other.

/// Without space around it and without case.
#[must_use]
pub fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_space_around_a_name_make_no_other_name() {
        for spelling in ["alice", "ALICE", " Alice", "alice\t", "\u{a0}aLiCe\n"] {
            assert_eq!(fold(spelling), "alice", "{spelling:?}");
        }
        assert_ne!(fold("al ice"), "alice");
        assert_eq!(fold(&fold("  Straße ")), fold("  Straße "), "folding again changes nothing");
    }
}

//! Entries whose only wildcard is the `*` at their end, found by the longest prefix of a path in logarithmic time.

use super::acl::Entry;

#[derive(Debug, Default)]
pub(super) struct Prefixes {
    /// Sorted by stem.
    entries: Vec<Entry>,
    /// For each entry, the one with the longest other stem that its own begins with.
    parents: Vec<Option<usize>>,
}

impl Prefixes {
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| a.pattern.stem().cmp(b.pattern.stem()));
        let mut prefixes = Self { entries, parents: Vec::new() };
        for at in 0..prefixes.entries.len() {
            let parent = prefixes.climb(at.checked_sub(1), prefixes.entries[at].pattern.stem());
            prefixes.parents.push(parent);
        }
        prefixes
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Everything sorted between the wanted stem and `path` begins with that stem too. So the last stem that sorts before
    /// `path` is it, or has it among its ancestors.
    pub fn longest(&self, path: &str) -> Option<&Entry> {
        let after = self.entries.partition_point(|entry| entry.pattern.stem() <= path);
        self.climb(after.checked_sub(1), path).map(|at| &self.entries[at])
    }

    /// From an entry to its first ancestor, itself included, that `path` begins with.
    fn climb(&self, from: Option<usize>, path: &str) -> Option<usize> {
        let mut at = from;
        while let Some(index) = at.filter(|index| !path.starts_with(self.entries[*index].pattern.stem())) {
            at = self.parents[index];
        }
        at
    }
}

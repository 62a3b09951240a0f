//! Several policies merged into one answer: may this operation be done at this path? Asked once or twice per request, so
//! look-ups do not allocate (but for LIST) and do not grow with the number of rules that have no `+`.

use super::{Capabilities, Operation, Pattern, Policy};
use std::collections::HashMap;

/// The rules of a caller's policies, ready for look-up. Paths are relative to the root of the API, without a slash at their
/// beginning: `aws/creds/support`.
#[derive(Debug, Default)]
pub struct Acl {
    is_root: bool,
    exact: HashMap<String, Entry>,
    /// Those with `*` at the end as their only wildcard.
    prefixes: Prefixes,
    /// Those with `+`, the most specific first, so that the first match wins.
    segmented: Vec<Entry>,
}

/// All rules of one pattern, merged.
#[derive(Debug)]
struct Entry {
    pattern: Pattern,
    capabilities: Capabilities,
    sources: Vec<Source>,
}

/// One rule that went into an entry, kept to explain verdicts.
#[derive(Debug)]
struct Source {
    rule: RuleRef,
    capabilities: Capabilities,
}

/// A rule, as somebody who looks for it would name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRef {
    pub policy: String,
    pub line: u32,
    pub pattern: String,
}

/// The answer to an operation, with the rule that decided it. Root and help are allowed by none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    Allowed { rule: Option<&'a RuleRef> },
    Denied { reason: Reason, rule: Option<&'a RuleRef> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No rule matches the path.
    NoRule,
    /// The rule that matches says `deny`.
    DeniedByRule,
    /// The rule that matches does not grant the capability that the operation needs.
    NotGranted,
    /// The operation is granted, but the path needs `sudo` too.
    NeedsSudo,
}

impl Verdict<'_> {
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }
}

impl Acl {
    /// Merges policies: rules of the same pattern are united, and `deny` in one of them denies.
    pub fn new<'a>(policies: impl Iterator<Item = &'a Policy>) -> Self {
        let mut entries: HashMap<&Pattern, Entry> = HashMap::new();
        for policy in policies {
            for rule in &policy.rules {
                let pattern = &rule.pattern;
                let entry = entries.entry(pattern).or_insert_with(|| Entry::of(pattern.clone()));
                entry.capabilities = entry.capabilities.with(rule.capabilities);
                let rule_ref =
                    RuleRef { policy: policy.name.clone(), line: rule.line, pattern: rule.pattern.to_string() };
                entry.sources.push(Source { rule: rule_ref, capabilities: rule.capabilities });
            }
        }
        let (exact, wild): (Vec<_>, Vec<_>) = entries.into_values().partition(|entry| entry.pattern.is_exact());
        let (prefixes, mut segmented): (Vec<_>, Vec<_>) =
            wild.into_iter().partition(|entry| entry.pattern.is_plain_prefix());
        segmented.sort_by(|a, b| b.pattern.specificity().cmp(&a.pattern.specificity()));
        Self {
            is_root: false,
            exact: exact.into_iter().map(|entry| (entry.pattern.stem().to_owned(), entry)).collect(),
            prefixes: Prefixes::new(prefixes),
            segmented,
        }
    }

    /// What the policy `root` gives: everything.
    #[must_use]
    pub fn root() -> Self {
        Self { is_root: true, ..Self::default() }
    }

    #[must_use]
    pub fn is_root(&self) -> bool {
        self.is_root
    }

    /// Judges one operation. `sudo_required` says that the path's route asks for `sudo` besides.
    #[must_use]
    pub fn allows(&self, path: &str, operation: Operation, sudo_required: bool) -> Verdict<'_> {
        if self.is_root || operation == Operation::Help {
            return Verdict::Allowed { rule: None };
        }
        let found = if operation == Operation::List { self.find_listing(path) } else { self.find(path) };
        found.map_or(Verdict::Denied { reason: Reason::NoRule, rule: None }, |entry| {
            entry.judge(operation.needs(), sudo_required)
        })
    }

    /// What the caller may do at a path, as `sys/capabilities` answers: sorted names, `deny` for nothing, `root` for root.
    #[must_use]
    pub fn capabilities(&self, path: &str) -> Vec<&'static str> {
        if self.is_root {
            return vec!["root"];
        }
        let found = if path.ends_with('/') { self.find_listing(path) } else { self.find(path) };
        let capabilities = found.map(|entry| entry.capabilities).filter(|capabilities| capabilities.grants());
        capabilities.unwrap_or(Capabilities::DENY).names().collect()
    }

    /// Whether anything at or below `prefix`, which ends in a slash, is granted: whether a mount may be shown to the caller.
    #[must_use]
    pub fn grants_below(&self, prefix: &str) -> bool {
        let below = |entry: &Entry| entry.capabilities.grants() && entry.pattern.reaches_below(prefix);
        self.is_root
            || self.find(prefix).is_some_and(|entry| entry.capabilities.grants())
            || self.exact.values().any(below)
            || self.prefixes.entries.iter().any(|entry| below(entry) && entry.pattern.stem().starts_with(prefix))
            || self.segmented.iter().any(below)
    }

    fn find(&self, path: &str) -> Option<&Entry> {
        self.exact.get(path).or_else(|| self.find_wild(path))
    }

    /// The most specific pattern with a wildcard that matches.
    fn find_wild(&self, path: &str) -> Option<&Entry> {
        let prefix = self.prefixes.longest(path);
        let segmented = self.segmented.iter().find(|entry| entry.pattern.matches(path));
        [prefix, segmented].into_iter().flatten().max_by_key(|entry| entry.pattern.specificity())
    }

    /// Listing `a/b` and `a/b/` is the same thing, and rules are written for either. The form with the slash is looked up
    /// first; a rule for the other form counts if there is none, or if it denies and is as specific or more.
    fn find_listing(&self, path: &str) -> Option<&Entry> {
        let bare = path.strip_suffix('/').unwrap_or(path);
        let slashed = format!("{bare}/");
        let exact = [&*slashed, bare].map(|form| self.exact.get(form));
        if let Some(entry) = exact.into_iter().flatten().find(|entry| entry.capabilities.denies()) {
            return Some(entry);
        }
        exact[0].or(exact[1]).or_else(|| match (self.find_wild(&slashed), self.find_wild(bare)) {
            (Some(slashed), Some(bare)) if bare.capabilities.denies() && bare.outranks(slashed) => Some(bare),
            (slashed, bare) => slashed.or(bare),
        })
    }
}

impl Entry {
    fn of(pattern: Pattern) -> Self {
        Self { pattern, capabilities: Capabilities::NONE, sources: Vec::new() }
    }

    fn outranks(&self, other: &Self) -> bool {
        self.pattern.specificity() > other.pattern.specificity()
    }

    fn judge(&self, needed: Capabilities, sudo_required: bool) -> Verdict<'_> {
        if self.capabilities.denies() {
            return Verdict::Denied { reason: Reason::DeniedByRule, rule: self.source(Capabilities::DENY) };
        }
        if !self.capabilities.contains(needed) {
            return Verdict::Denied { reason: Reason::NotGranted, rule: self.source(Capabilities::NONE) };
        }
        if sudo_required && !self.capabilities.contains(Capabilities::SUDO) {
            return Verdict::Denied { reason: Reason::NeedsSudo, rule: self.source(needed) };
        }
        Verdict::Allowed { rule: self.source(needed) }
    }

    /// The first rule that has these capabilities.
    fn source(&self, capabilities: Capabilities) -> Option<&RuleRef> {
        self.sources.iter().find(|source| source.capabilities.contains(capabilities)).map(|source| &source.rule)
    }
}

/// Entries that end in `*`, found by the longest prefix of a path.
#[derive(Debug, Default)]
struct Prefixes {
    /// Sorted by stem.
    entries: Vec<Entry>,
    /// For each entry, the one with the longest other stem that its own begins with.
    parents: Vec<Option<usize>>,
}

impl Prefixes {
    fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| a.pattern.stem().cmp(b.pattern.stem()));
        let mut prefixes = Self { entries, parents: Vec::new() };
        for at in 0..prefixes.entries.len() {
            let parent = prefixes.climb(at.checked_sub(1), prefixes.entries[at].pattern.stem());
            prefixes.parents.push(parent);
        }
        prefixes
    }

    /// Everything sorted between the wanted stem and `path` begins with that stem too. So the last stem that sorts before
    /// `path` is it, or has it among its ancestors.
    fn longest(&self, path: &str) -> Option<&Entry> {
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

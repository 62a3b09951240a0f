//! Several policies merged into one answer: may this operation be done at this path? Asked once or twice per request, so
//! look-ups do not allocate (but for LIST) and do not grow with the number of rules that have no `+`.
//!
//! Invariant: `deny` in one of several rules for a pattern denies, and a rule that denies and cannot be resolved for who asks
//! denies whatever it might stand for.

use super::constraints::{AsSent, Constraints, Sent};
use super::forms::Forms;
use super::prefixes::Prefixes;
use super::{Capabilities, Operation, Pattern, Policy, Reason, Rule, RuleRef, Subject, Verdict};
use serde_json::{Map, Value};
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
    /// Rules that deny and whose templates have no value; nothing outranks them.
    blocks: Vec<Block>,
    left_out: Vec<LeftOut>,
}

/// All rules of one pattern, merged.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub pattern: Pattern,
    pub capabilities: Capabilities,
    pub constraints: Constraints,
    pub sources: Vec<Source>,
}

/// One rule that went into an entry, kept to explain verdicts.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub rule: RuleRef,
    pub capabilities: Capabilities,
    pub constraints: Constraints,
}

#[derive(Debug)]
pub(super) struct Block {
    pub pattern: Pattern,
    pub rule: RuleRef,
}

/// A rule whose template has no value for who asks: it grants nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    pub rule: RuleRef,
    /// In words.
    pub why: String,
}

/// What is asked: an operation at a path, with all of the request that rules look at.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    pub path: &'q str,
    /// The path as its endpoint reads it, where it folds letters.
    pub folded: Option<&'q str>,
    pub operation: Operation,
    /// The path's route asks for `sudo` besides.
    pub sudo: bool,
    pub sent: Sent<'q>,
}

impl Acl {
    /// Merges policies: rules of the same pattern are united, and `deny` in one of them denies.
    pub fn new<'a>(policies: impl Iterator<Item = &'a Policy>, subject: &Subject) -> Self {
        let mut entries: HashMap<Pattern, Entry> = HashMap::new();
        let mut acl = Self::default();
        for (policy, rule) in policies.flat_map(|policy| policy.rules.iter().map(move |rule| (policy, rule))) {
            let rule_ref = RuleRef { policy: policy.name.clone(), line: rule.line, pattern: rule.path.to_string() };
            match rule.path.resolve(subject) {
                Ok(pattern) => {
                    entries.entry(pattern.clone()).or_insert_with(|| Entry::of(pattern)).add(rule, rule_ref);
                }
                Err(why) => acl.leave_out(rule, rule_ref, why, subject.slashes),
            }
        }
        let (exact, wild): (Vec<_>, Vec<_>) = entries.into_values().partition(|entry| entry.pattern.is_exact());
        let (prefixes, mut segmented): (Vec<_>, Vec<_>) =
            wild.into_iter().partition(|entry| entry.pattern.is_plain_prefix());
        segmented.sort_by(|a, b| b.pattern.specificity().cmp(&a.pattern.specificity()));
        acl.exact = exact.into_iter().map(|entry| (entry.pattern.stem().to_owned(), entry)).collect();
        acl.prefixes = Prefixes::new(prefixes);
        acl.segmented = segmented;
        acl
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

    /// Judges a request.
    #[must_use]
    pub fn judge(&self, question: &Question<'_>) -> Verdict<'_> {
        let operation = question.operation;
        let forms = Forms::of(question.path, question.folded, operation);
        let verdict = self.verdict(&forms, operation, question.sudo);
        if self.is_root || !verdict.is_allowed() {
            return verdict;
        }
        let Some(entry) = self.find(&forms) else { return verdict };
        match entry.constraints.violated_by(operation, question.sent) {
            None => verdict,
            Some(reason) => {
                let rule = entry.sources.iter().find(|source| source.constraints.is_behind(&reason));
                Verdict::Denied { reason, rule: rule.or(entry.sources.first()).map(|source| &source.rule) }
            }
        }
    }

    /// Judges an operation whatever the request holds. `sudo_required` says that the path's route asks for `sudo` besides.
    #[must_use]
    pub fn allows(&self, path: &str, operation: Operation, sudo_required: bool) -> Verdict<'_> {
        self.verdict(&Forms::of(path, None, operation), operation, sudo_required)
    }

    fn verdict(&self, forms: &Forms<'_>, operation: Operation, sudo_required: bool) -> Verdict<'_> {
        if self.is_root || operation == Operation::Help {
            return Verdict::Allowed { rule: None };
        }
        if let Some(block) = self.block(forms) {
            return Verdict::Denied { reason: Reason::Unresolved, rule: Some(&block.rule) };
        }
        self.find(forms).map_or(Verdict::Denied { reason: Reason::NoRule, rule: None }, |entry| {
            entry.judge(operation.needs(), sudo_required)
        })
    }

    /// The policies whose rules grant an operation, each once; none where nothing does.
    #[must_use]
    pub fn granting(&self, question: &Question<'_>) -> Vec<&str> {
        if self.is_root {
            return vec!["root"];
        }
        let forms = Forms::of(question.path, question.folded, question.operation);
        let needed = question.operation.needs();
        let sources = self.find(&forms).into_iter().flat_map(|entry| &entry.sources);
        let granting = sources.filter(|source| {
            source.capabilities.contains(needed) || (question.sudo && source.capabilities.contains(Capabilities::SUDO))
        });
        let mut policies: Vec<&str> = granting.map(|source| source.rule.policy.as_str()).collect();
        policies.dedup();
        policies
    }

    /// What the caller may do at a path, as `sys/capabilities` answers: sorted names, `deny` for nothing, `root` for root.
    #[must_use]
    pub fn capabilities(&self, path: &str) -> Vec<&'static str> {
        if self.is_root {
            return vec!["root"];
        }
        let forms = if path.ends_with('/') { Forms::of(path, None, Operation::List) } else { Forms::only(path) };
        let found = self.find(&forms).filter(|_| self.block(&forms).is_none());
        let capabilities = found.map(|entry| entry.capabilities).filter(|capabilities| capabilities.grants());
        capabilities.unwrap_or(Capabilities::DENY).names().collect()
    }

    /// Whether anything at or below `prefix`, which ends in a slash, is granted: whether a mount may be shown to the caller.
    #[must_use]
    pub fn grants_below(&self, prefix: &str) -> bool {
        let below = |entry: &Entry| entry.capabilities.grants() && entry.pattern.reaches_below(prefix);
        self.is_root
            || self.find(&Forms::only(prefix)).is_some_and(|entry| entry.capabilities.grants())
            || self.exact.values().any(below)
            || self.prefixes.entries().iter().any(|entry| below(entry) && entry.pattern.stem().starts_with(prefix))
            || self.segmented.iter().any(below)
    }

    /// Every pattern with what it grants, in no order.
    pub fn patterns(&self) -> impl Iterator<Item = (&Pattern, Capabilities)> {
        self.entries().map(|entry| (&entry.pattern, entry.capabilities))
    }

    /// The rules that grant nothing, for want of a value in their template.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.exact.values().chain(self.prefixes.entries()).chain(&self.segmented)
    }

    pub(super) fn block(&self, forms: &Forms<'_>) -> Option<&Block> {
        self.blocks.iter().find(|block| forms.iter().any(|form| block.pattern.matches(form)))
    }

    fn leave_out(&mut self, rule: &Rule, rule_ref: RuleRef, why: String, slashes: bool) {
        if !rule.capabilities.grants()
            && let Some(pattern) = rule.path.widened(slashes)
        {
            self.blocks.push(Block { pattern, rule: rule_ref.clone() });
        }
        self.left_out.push(LeftOut { rule: rule_ref, why });
    }

    /// The entry that decides. The first form counts; a rule for another form only if there is none for it, or if that one
    /// denies and is more specific.
    pub(super) fn find(&self, forms: &Forms<'_>) -> Option<&Entry> {
        let exact = || forms.iter().filter_map(|form| self.exact.get(form));
        if let Some(entry) = exact().find(|entry| entry.capabilities.denies()).or_else(|| exact().next()) {
            return Some(entry);
        }
        forms.iter().fold(None, |best: Option<&Entry>, form| match (best, self.find_wild(form)) {
            (Some(best), Some(found)) if found.capabilities.denies() && found.outranks(best) => Some(found),
            (best, found) => best.or(found),
        })
    }

    /// The most specific pattern with a wildcard that matches.
    fn find_wild(&self, path: &str) -> Option<&Entry> {
        let prefix = self.prefixes.longest(path);
        let segmented = self.segmented.iter().find(|entry| entry.pattern.matches(path));
        [prefix, segmented].into_iter().flatten().max_by_key(|entry| entry.pattern.specificity())
    }
}

impl<'q> Question<'q> {
    /// An operation without anything sent along.
    #[must_use]
    pub fn plain(path: &'q str, operation: Operation, nothing: &'q Map<String, Value>) -> Self {
        let sent = Sent { data: nothing, wrap_ttl: None, read_as: &AsSent };
        Self { path, folded: None, operation, sudo: false, sent }
    }
}

impl Entry {
    fn of(pattern: Pattern) -> Self {
        Self { pattern, capabilities: Capabilities::NONE, constraints: Constraints::default(), sources: Vec::new() }
    }

    /// Unites with a rule of the same pattern. Once one denies there is nothing left to constrain.
    fn add(&mut self, rule: &Rule, rule_ref: RuleRef) {
        self.capabilities = self.capabilities.with(rule.capabilities);
        self.constraints.merge(&rule.constraints);
        if self.capabilities.denies() {
            self.constraints = Constraints::default();
        }
        self.sources.push(Source {
            rule: rule_ref,
            capabilities: rule.capabilities,
            constraints: rule.constraints.clone(),
        });
    }

    pub fn outranks(&self, other: &Self) -> bool {
        self.pattern.specificity() > other.pattern.specificity()
    }

    fn judge(&self, needed: Capabilities, sudo_required: bool) -> Verdict<'_> {
        if self.capabilities.denies() {
            return Verdict::Denied { reason: Reason::DeniedByRule, rule: self.source(Capabilities::DENY) };
        }
        if !self.capabilities.contains(needed) {
            let reason = Reason::NotGranted(self.capabilities);
            return Verdict::Denied { reason, rule: self.source(Capabilities::NONE) };
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

//! Policies: what a text grants, and whether a set of them allows an operation on a path.
//!
//! Owns the grammar of rules, the built-in policies and the published precedence. Who holds which policies, where they are
//! stored and what paths exist is for the layers above. Invariant: what no rule grants is denied, and a rule that says `deny`
//! denies whatever other policies grant for the same pattern.

mod acl;
mod builtin;
mod capabilities;
mod constraints;
mod explain;
mod forms;
mod name;
mod parse;
mod pattern;
mod prefixes;
mod remedy;
mod rule_path;
mod subject;
#[cfg(test)]
mod tests;
mod verdict;

pub use acl::{Acl, LeftOut, Question};
pub use builtin::{CONTROL_GROUP, DEFAULT, EARLIER_DEFAULTS, RESPONSE_WRAPPING};
pub use capabilities::{Capabilities, Operation};
pub use constraints::{AsSent, Constraints, Parameters, ReadAs, Sent};
pub use explain::{Match, Standing};
pub use name::{
    CONTROL_GROUP_NAME, DEFAULT_NAME, RESERVED_NAMES, RESPONSE_WRAPPING_NAME, ROOT_NAME, canonical_name, is_fixed,
};
pub use pattern::Pattern;
pub use remedy::remedy;
pub use rule_path::RulePath;
pub use subject::{Alias, Entity, Group, Metadata, Subject};
pub use verdict::{Reason, RuleRef, Verdict};

/// A policy as it was written: its rules in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// In canonical form: see [`canonical_name`].
    pub name: String,
    pub rules: Vec<Rule>,
}

impl Policy {
    /// Whether what it grants depends on who asks.
    #[must_use]
    pub fn is_templated(&self) -> bool {
        self.rules.iter().any(|rule| rule.path.is_templated())
    }
}

/// One `path "…" { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub path: RulePath,
    pub capabilities: Capabilities,
    pub constraints: Constraints,
    /// Where in the text the pattern stands, so that a verdict can be explained.
    pub line: u32,
}

//! Policies: what a text grants, and whether a set of them allows an operation on a path.
//!
//! Owns the grammar of rules, the built-in policies and the published precedence. Who holds which policies, where they are
//! stored and what paths exist is for the layers above. Invariant: what no rule grants is denied, and a rule that says `deny`
//! denies whatever other policies grant for the same pattern.

mod acl;
mod builtin;
mod capabilities;
mod name;
mod parse;
mod pattern;
#[cfg(test)]
mod tests;

pub use acl::{Acl, Reason, RuleRef, Verdict};
pub use builtin::{CONTROL_GROUP, DEFAULT, RESPONSE_WRAPPING};
pub use capabilities::{Capabilities, Operation};
pub use name::{
    CONTROL_GROUP_NAME, DEFAULT_NAME, RESERVED_NAMES, RESPONSE_WRAPPING_NAME, ROOT_NAME, canonical_name, is_fixed,
};
pub use pattern::Pattern;

/// A policy as it was written: its rules in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// In canonical form: see [`canonical_name`].
    pub name: String,
    pub rules: Vec<Rule>,
}

/// One `path "…" { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub pattern: Pattern,
    pub capabilities: Capabilities,
    /// Where in the text the pattern stands, so that a verdict can be explained.
    pub line: u32,
}

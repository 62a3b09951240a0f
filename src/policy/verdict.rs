//! The answer to "may this be done here", with the rule that decided and the reason in words and as a code.

use super::Capabilities;
use crate::base::duration;
use std::time::Duration;

/// A rule, as somebody who looks for it would name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRef {
    pub policy: String,
    pub line: u32,
    /// As it is written, templates included.
    pub pattern: String,
}

/// The answer to an operation, with the rule that decided it. Root and help are allowed by none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'a> {
    Allowed { rule: Option<&'a RuleRef> },
    Denied { reason: Reason, rule: Option<&'a RuleRef> },
}

/// Why something is denied. Parameters are named, never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No rule matches the path.
    NoRule,
    /// The rule that matches says `deny`.
    DeniedByRule,
    /// A rule that denies has a template without a value for this token, and so denies whatever it might stand for.
    Unresolved,
    /// The rule that matches grants these, and not what the operation needs.
    NotGranted(Capabilities),
    /// The operation is granted, but the path needs `sudo` too.
    NeedsSudo,
    ParameterMissing(String),
    ParameterDenied(String),
    ParameterNotAllowed(String),
    NeedsWrapping,
    WrappingTooShort(Duration),
    WrappingTooLong(Duration),
}

impl Verdict<'_> {
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// Whether a rule says no, rather than none saying yes.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Allowed { .. } => false,
            Self::Denied { reason, .. } => {
                !matches!(reason, Reason::NoRule | Reason::NotGranted(_) | Reason::NeedsSudo)
            }
        }
    }
}

impl Reason {
    /// For programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRule => "no_rule",
            Self::DeniedByRule => "denied_by_rule",
            Self::Unresolved => "template_unresolved",
            Self::NotGranted(_) => "not_granted",
            Self::NeedsSudo => "needs_sudo",
            Self::ParameterMissing(_) => "parameter_missing",
            Self::ParameterDenied(_) => "parameter_denied",
            Self::ParameterNotAllowed(_) => "parameter_not_allowed",
            Self::NeedsWrapping => "wrapping_required",
            Self::WrappingTooShort(_) => "wrapping_ttl_too_short",
            Self::WrappingTooLong(_) => "wrapping_ttl_too_long",
        }
    }

    /// The parameter that it is about.
    #[must_use]
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::ParameterMissing(name) | Self::ParameterDenied(name) | Self::ParameterNotAllowed(name) => Some(name),
            _ => None,
        }
    }

    /// One sentence about `path`, for people. `needed` is what the operation needs, in words.
    #[must_use]
    pub fn message(&self, path: &str, needed: &str, rule: Option<&RuleRef>) -> String {
        let rule = rule.map_or_else(String::new, |rule| {
            format!("path {:?} in policy {:?}, line {}", rule.pattern, rule.policy, rule.line)
        });
        let short = |ttl: &Duration| duration::short(ttl.as_secs());
        match self {
            Self::NoRule => format!("No rule of the token's policies matches {path:?}."),
            Self::DeniedByRule => format!("Denied by a rule: {rule}."),
            Self::Unresolved => {
                format!("Denied by a rule whose template has no value for this token: {rule}.")
            }
            Self::NotGranted(granted) => {
                let granted: Vec<_> = granted.names().collect();
                let granted = if granted.is_empty() { "nothing".to_owned() } else { granted.join(", ") };
                format!("The rule that decides grants {granted}, and {needed} is needed: {rule}.")
            }
            Self::NeedsSudo => format!("The path needs the capability sudo besides {needed}: {rule}."),
            Self::ParameterMissing(name) => format!("The parameter {name:?} is required by a rule: {rule}."),
            Self::ParameterDenied(name) => format!("The parameter {name:?} or its value is denied by a rule: {rule}."),
            Self::ParameterNotAllowed(name) => {
                format!("The parameter {name:?} or its value is not among those that a rule allows: {rule}.")
            }
            Self::NeedsWrapping => format!("The answer must be wrapped (X-Vault-Wrap-TTL, -wrap-ttl): {rule}."),
            Self::WrappingTooShort(least) => {
                format!("The answer must be wrapped for at least {}: {rule}.", short(least))
            }
            Self::WrappingTooLong(most) => format!("The answer must be wrapped for at most {}: {rule}.", short(most)),
        }
    }
}

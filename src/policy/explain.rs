//! Every rule that matches a path, with how it stands to the others: for somebody who wonders why something is allowed or
//! denied.

use super::acl::{Acl, Entry, Question, Source};
use super::forms::Forms;
use super::{Capabilities, RuleRef};
use std::cmp::Reverse;

/// A rule that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match<'a> {
    pub rule: &'a RuleRef,
    /// What the rule itself grants.
    pub capabilities: Capabilities,
    pub standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It decides, with the other rules for the same pattern.
    Decides,
    /// A more specific one decides.
    Outranked,
    /// It denies whatever its template might stand for.
    Blocks,
}

impl Standing {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Decides => "decides",
            Self::Outranked => "outranked",
            Self::Blocks => "blocks",
        }
    }
}

impl<'a> Acl {
    /// The rules that match: what blocks, what decides, then the others, the most specific first.
    #[must_use]
    pub fn matches(&'a self, question: &Question<'_>) -> Vec<Match<'a>> {
        let forms = Forms::of(question.path, question.folded, question.operation);
        let block = self.block(&forms);
        let decisive = self.find(&forms).filter(|_| block.is_none());
        let decides = |entry: &Entry| decisive.is_some_and(|decisive| decisive.pattern == entry.pattern);
        let mut entries: Vec<&'a Entry> =
            self.entries().filter(|entry| forms.iter().any(|form| entry.pattern.matches(form))).collect();
        entries.sort_by_key(|entry| Reverse((decides(entry), entry.pattern.is_exact(), entry.pattern.specificity())));
        let blocking = block.into_iter().map(|block| Match {
            rule: &block.rule,
            capabilities: Capabilities::DENY,
            standing: Standing::Blocks,
        });
        let matching = entries.into_iter().flat_map(|entry| {
            let standing = if decides(entry) { Standing::Decides } else { Standing::Outranked };
            let matched =
                move |source: &'a Source| Match { rule: &source.rule, capabilities: source.capabilities, standing };
            entry.sources.iter().map(matched)
        });
        blocking.chain(matching).collect()
    }
}

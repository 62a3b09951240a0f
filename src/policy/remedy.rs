//! The smallest policy that would allow what is denied, and take nothing away: a rule for this one path, which outranks the
//! wider one that decides now, and so repeats what that grants and what it asks for.
//!
//! Invariant: what is answered has been tried, as a further policy of the same caller.

use super::acl::{Acl, Question};
use super::constraints::{Constraints, Parameters};
use super::forms::Forms;
use super::{Capabilities, Pattern, Policy, Reason, Subject, Verdict};
use std::fmt::Write;

/// The text of that policy; none where it is allowed already, or no further policy helps.
#[must_use]
pub fn remedy(policies: &[&Policy], subject: &Subject, question: &Question<'_>) -> Option<String> {
    let mut rule = Remedy::start(&Acl::new(policies.iter().copied(), subject), question)?;
    // Each round gives way to one parameter more.
    for _ in 0..=question.sent.data.len() + 1 {
        let text = rule.text();
        let added = Policy::parse("remedy", &text).ok()?;
        let acl = Acl::new(policies.iter().copied().chain([&added]), subject);
        match acl.judge(question) {
            Verdict::Allowed { .. } => return Some(text),
            Verdict::Denied { reason, .. } => rule.give_way(&reason)?,
        }
    }
    None
}

struct Remedy {
    path: String,
    capabilities: Capabilities,
    constraints: Constraints,
}

impl Remedy {
    fn start(acl: &Acl, question: &Question<'_>) -> Option<Self> {
        let Verdict::Denied { reason, .. } = acl.judge(question) else { return None };
        let forms = Forms::of(question.path, question.folded, question.operation);
        let path = forms.iter().next()?.to_owned();
        if path.contains("{{") || !Pattern::parse(&path).is_ok_and(|pattern| pattern.is_exact()) {
            return None;
        }
        let sudo = if question.sudo { Capabilities::SUDO } else { Capabilities::NONE };
        let needed = question.operation.needs().with(sudo);
        let mut rule = Self { path, capabilities: needed, constraints: Constraints::default() };
        // Rules for the same pattern are united; a wider one would be outranked.
        if let Some(wider) = acl.find(&forms).filter(|entry| !entry.pattern.is_exact() && entry.capabilities.grants()) {
            rule.capabilities = needed.with(wider.capabilities);
            rule.constraints = wider.constraints.clone();
        }
        if matches!(reason, Reason::ParameterDenied(_) | Reason::ParameterNotAllowed(_)) {
            rule.give_way(&reason)?;
        }
        Some(rule)
    }

    /// Lets the parameter through that was in the way; none where a rule cannot.
    fn give_way(&mut self, reason: &Reason) -> Option<()> {
        match reason {
            Reason::ParameterNotAllowed(name) => {
                self.constraints.allowed.insert(name.to_lowercase(), Vec::new()).is_none_or(|old| !old.is_empty())
            }
            Reason::ParameterDenied(name) => {
                let denied = &mut self.constraints.denied;
                denied.remove(&name.to_lowercase()).or_else(|| denied.remove("*")).is_some()
            }
            _ => false,
        }
        .then_some(())
    }

    fn text(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let names: Vec<String> = self.capabilities.names().map(quoted).collect();
        let mut text = format!("path {} {{\n  capabilities = [{}]\n", quoted(&self.path), names.join(", "));
        let Constraints { allowed, denied, required, min_wrapping_ttl, max_wrapping_ttl } = &self.constraints;
        for (key, parameters) in [("allowed_parameters", allowed), ("denied_parameters", denied)] {
            write_parameters(&mut text, key, parameters);
        }
        if !required.is_empty() {
            let names: Vec<String> = required.iter().map(|name| quoted(name)).collect();
            let _ = writeln!(text, "  required_parameters = [{}]", names.join(", "));
        }
        for (key, ttl) in [("min_wrapping_ttl", min_wrapping_ttl), ("max_wrapping_ttl", max_wrapping_ttl)] {
            if let Some(ttl) = ttl {
                let _ = writeln!(text, "  {key} = \"{}s\"", ttl.as_secs_f64());
            }
        }
        text.push_str("}\n");
        text
    }
}

fn write_parameters(text: &mut String, key: &str, parameters: &Parameters) {
    if parameters.is_empty() {
        return;
    }
    let _ = writeln!(text, "  {key} = {{");
    for (name, values) in parameters {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "    {} = [{}]", serde_json::Value::from(name.as_str()), values.join(", "));
    }
    text.push_str("  }\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{AsSent, Operation, Sent};
    use serde_json::json;

    fn asked(policy: &str, path: &str, operation: Operation, sudo: bool, data: serde_json::Value) -> Option<String> {
        let policy = Policy::parse("p", policy).unwrap();
        let data = data.as_object().cloned().unwrap_or_default();
        let sent = Sent { data: &data, wrap_ttl: None, read_as: &AsSent };
        let question = Question { path, folded: None, operation, sudo, sent };
        remedy(&[&policy], &Subject::default(), &question)
    }

    #[test]
    fn a_remedy_allows_this_and_takes_nothing_away() {
        for (policy, path, operation, sudo, data, expected) in [
            ("", "a/b", Operation::Read, false, json!({}), "path \"a/b\" {\n  capabilities = [\"read\"]\n}\n"),
            ("", "a/b", Operation::List, false, json!({}), "path \"a/b/\" {\n  capabilities = [\"list\"]\n}\n"),
            ("", "a", Operation::Delete, true, json!({}), "path \"a\" {\n  capabilities = [\"delete\", \"sudo\"]\n}\n"),
            (
                "path \"a/*\" { capabilities = [\"list\"] }",
                "a/b",
                Operation::Read,
                false,
                json!({}),
                "path \"a/b\" {\n  capabilities = [\"list\", \"read\"]\n}\n",
            ),
            (
                "path \"a/*\" { capabilities = [\"deny\"] }",
                "a/b",
                Operation::Read,
                false,
                json!({}),
                "path \"a/b\" {\n  capabilities = [\"read\"]\n}\n",
            ),
            (
                "path \"a/*\" { capabilities = [\"update\"] denied_parameters = { x = [] y = [1, true] } max_wrapping_ttl = 60 }",
                "a/b",
                Operation::Read,
                false,
                json!({}),
                "",
            ),
            (
                "path \"a/*\" { capabilities = [\"update\"] allowed_parameters = { x = [\"1\"] } }",
                "a/b",
                Operation::Update,
                false,
                json!({ "x": "2", "z": "3" }),
                "path \"a/b\" {\n  capabilities = [\"update\"]\n  allowed_parameters = {\n    \"x\" = []\n    \"z\" = []\n  }\n}\n",
            ),
            (
                "path \"a/*\" { capabilities = [\"update\"] denied_parameters = { x = [], y = [1, true] } }",
                "a/b",
                Operation::Update,
                false,
                json!({ "x": "2" }),
                "path \"a/b\" {\n  capabilities = [\"update\"]\n  denied_parameters = {\n    \"y\" = [1, true]\n  }\n}\n",
            ),
        ] {
            assert_eq!(
                asked(policy, path, operation, sudo, data).unwrap_or_default(),
                expected,
                "{policy} {path} {operation:?}"
            );
        }
    }

    #[test]
    fn there_is_no_remedy_where_no_further_policy_helps() {
        for (policy, path) in [
            ("path \"a/b\" { capabilities = [\"deny\"] }", "a/b"),
            ("path \"a/{{identity.entity.id}}\" { capabilities = [\"deny\"] }", "a/b"),
            ("path \"a/b\" { capabilities = [\"read\"] required_parameters = [\"x\"] }", "a/b"),
            ("path \"a/b\" { capabilities = [\"read\"] }", "a/b"),
            ("", "a/+/b"),
            ("", "a/*"),
            ("", "a/{{identity.entity.id}}"),
        ] {
            assert_eq!(asked(policy, path, Operation::Read, false, json!({})), None, "{policy} {path}");
        }
    }
}

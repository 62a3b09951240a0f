//! From the text of a policy to its rules. What is not enforced is refused, never ignored: a policy means what it says.

use super::{Capabilities, Pattern, Policy, Rule, canonical_name};
use crate::base::hcl::{self, Block, Item, Kind, Value};
use crate::base::{Error, Result};

/// Keys that the field knows and that would restrict a rule if they were enforced here.
const UNSUPPORTED: [&str; 8] = [
    "allowed_parameters",
    "denied_parameters",
    "required_parameters",
    "min_wrapping_ttl",
    "max_wrapping_ttl",
    "mfa_methods",
    "control_group",
    "subscribe_event_types",
];

impl Policy {
    /// Reads a policy from HCL or JSON.
    ///
    /// # Errors
    /// `BadRequest`, as `failed to parse policy: line 3, column 7: …`.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let name = canonical_name(name)?;
        let rules = rules(text).map_err(|error| error.context("failed to parse policy"))?;
        Ok(Self { name, rules })
    }
}

fn rules(text: &str) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for item in hcl::parse(text)?.items {
        match item.key.text.as_str() {
            "path" => {
                for block in item.labelled_blocks()? {
                    rules.push(rule(block)?);
                }
            }
            "name" => drop(string(item.attribute()?)?),
            other => return Err(item.key.position.error(format!("invalid key {other:?}; expected path"))),
        }
    }
    Ok(rules)
}

fn rule(block: Block<'_>) -> Result<Rule> {
    let path = &block.label.text;
    let wrong = |what: String| block.label.position.error(format!("path {path:?}: {what}"));
    if path.contains("{{") {
        return Err(wrong("a template in a path is not supported yet".to_owned()));
    }
    let pattern = Pattern::parse(path).map_err(|what| wrong(format!("invalid use of wildcards ({what})")))?;
    let mut capabilities = Capabilities::NONE;
    for (at, item) in block.items.iter().enumerate() {
        let key = item.key.text.as_str();
        let fail = |what: String| item.key.position.error(format!("path {path:?}: {what}"));
        if block.items[..at].iter().any(|earlier| earlier.key.text == key) {
            return Err(fail(format!("the key {key:?} is given twice; expected it once")));
        }
        capabilities = capabilities.with(match key {
            "capabilities" => listed(item, path)?,
            "policy" => older_form(item, path)?,
            _ if UNSUPPORTED.contains(&key) => return Err(fail(format!("{key} is not supported yet"))),
            _ => return Err(fail(format!("invalid key {key:?}; expected capabilities or policy"))),
        });
    }
    Ok(Rule { pattern, capabilities, line: block.label.position.line })
}

/// `capabilities = ["read", …]`; a single string stands for a list of one.
fn listed(item: &Item, path: &str) -> Result<Capabilities> {
    let value = item.attribute()?;
    let values = match &value.kind {
        Kind::List(values) => values.as_slice(),
        Kind::String(_) => std::slice::from_ref(value),
        _ => return Err(value.unexpected("a list of capabilities, as [\"read\", \"list\"]")),
    };
    values.iter().try_fold(Capabilities::NONE, |all, value| {
        let name = string(value)?;
        let capability = Capabilities::named(name).ok_or_else(|| invalid_capability(value, path, name))?;
        Ok(all.with(capability))
    })
}

fn invalid_capability(value: &Value, path: &str, name: &str) -> Error {
    let what = match name {
        "subscribe" | "recover" => format!("the capability {name:?} is not supported yet"),
        _ => format!("invalid capability {name:?}"),
    };
    let expected = "expected create, read, update, patch, delete, list, sudo or deny";
    value.position.error(format!("path {path:?}: {what}; {expected}"))
}

/// `policy = "write"`, from before there were capabilities.
fn older_form(item: &Item, path: &str) -> Result<Capabilities> {
    const READ: Capabilities = Capabilities::READ.with(Capabilities::LIST);
    const WRITE: Capabilities =
        READ.with(Capabilities::CREATE).with(Capabilities::UPDATE).with(Capabilities::DELETE).with(Capabilities::PATCH);
    let value = item.attribute()?;
    match string(value)? {
        "deny" => Ok(Capabilities::DENY),
        "read" => Ok(READ),
        "write" => Ok(WRITE),
        "sudo" => Ok(WRITE.with(Capabilities::SUDO)),
        other => Err(value
            .position
            .error(format!("path {path:?}: invalid policy {other:?}; expected deny, read, write or sudo"))),
    }
}

fn string(value: &Value) -> Result<&str> {
    match &value.kind {
        Kind::String(text) => Ok(text),
        _ => Err(value.unexpected("a string")),
    }
}

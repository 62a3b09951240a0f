//! From the text of a policy to its rules. What is not enforced is refused, never ignored: a policy means what it says.

use super::constraints::{Constraints, Parameters};
use super::{Capabilities, Policy, Rule, RulePath, canonical_name};
use crate::base::hcl::{self, Block, Item, Kind, Value};
use crate::base::{Error, Result, duration};
use serde_json::Value as Json;
use std::time::Duration;

/// Keys that the field knows and that would restrict or widen a rule if they were enforced here.
const UNSUPPORTED: [&str; 5] = [
    "mfa_methods",
    "control_group",
    "subscribe_event_types",
    "pagination_limit",
    "list_scan_response_keys_filter_path",
];

const KEYS: &str = "capabilities, policy, allowed_parameters, denied_parameters, required_parameters, min_wrapping_ttl, \
                    max_wrapping_ttl or comment";

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
    let label = &block.label.text;
    let wrong = |what: String| block.label.position.error(format!("path {label:?}: {what}"));
    let path = RulePath::parse(label).map_err(wrong)?;
    let mut rule = Rule {
        path,
        capabilities: Capabilities::NONE,
        constraints: Constraints::default(),
        line: block.label.position.line,
    };
    for (at, item) in block.items.iter().enumerate() {
        let key = item.key.text.as_str();
        let fail = |what: String| item.key.position.error(format!("path {label:?}: {what}"));
        if block.items[..at].iter().any(|earlier| earlier.key.text == key) {
            return Err(fail(format!("the key {key:?} is given twice; expected it once")));
        }
        let constraints = &mut rule.constraints;
        match key {
            "capabilities" => rule.capabilities = rule.capabilities.with(listed(item, label)?),
            "policy" => rule.capabilities = rule.capabilities.with(older_form(item, label)?),
            "allowed_parameters" => constraints.allowed = parameters(item, label)?,
            "denied_parameters" => constraints.denied = parameters(item, label)?,
            "required_parameters" => constraints.required = names(item)?,
            "min_wrapping_ttl" => constraints.min_wrapping_ttl = ttl(item)?,
            "max_wrapping_ttl" => constraints.max_wrapping_ttl = ttl(item)?,
            "comment" => drop(string(item.attribute()?)?),
            _ if UNSUPPORTED.contains(&key) => return Err(fail(format!("{key} is not supported"))),
            _ => return Err(fail(format!("invalid key {key:?}; expected {KEYS}"))),
        }
    }
    if let (Some(min), Some(max)) = (rule.constraints.min_wrapping_ttl, rule.constraints.max_wrapping_ttl)
        && max < min
    {
        return Err(wrong("max_wrapping_ttl cannot be less than min_wrapping_ttl".to_owned()));
    }
    Ok(rule)
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
        "subscribe" | "recover" | "scan" => format!("the capability {name:?} is not supported"),
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

/// `{ "name" = ["value", …] }`; a single value stands for a list of one.
fn parameters(item: &Item, path: &str) -> Result<Parameters> {
    let mut parameters = Parameters::new();
    for entry in item.plain_blocks()?.into_iter().flat_map(|block| block.items) {
        let name = entry.key.text.to_lowercase();
        let fail = |what: &str| entry.key.position.error(format!("path {path:?}: {what}"));
        let value = entry.attribute()?;
        let values = match &value.kind {
            Kind::List(values) => values.iter().map(json).collect::<Result<Vec<_>>>()?,
            Kind::Object(_) => return Err(value.unexpected("a list of values, as [\"one\", \"other\"]")),
            _ => vec![json(value)?],
        };
        if name == "*" && !values.is_empty() {
            return Err(fail("\"*\" stands for all other parameters and takes no values; expected []"));
        }
        if parameters.insert(name, values).is_some() {
            return Err(fail(&format!("the parameter {:?} is given twice; expected it once", entry.key.text)));
        }
    }
    Ok(parameters)
}

/// `["one", "other"]`, in small letters; a single string stands for a list of one.
fn names(item: &Item) -> Result<Vec<String>> {
    let value = item.attribute()?;
    let values = match &value.kind {
        Kind::List(values) => values.as_slice(),
        Kind::String(_) => std::slice::from_ref(value),
        _ => return Err(value.unexpected("a list of parameters, as [\"name\", \"ttl\"]")),
    };
    values.iter().map(|value| Ok(string(value)?.to_lowercase())).collect()
}

/// A duration, as `"90s"` or in seconds; zero is none.
fn ttl(item: &Item) -> Result<Option<Duration>> {
    let value = item.attribute()?;
    let (Kind::String(text) | Kind::Number(text)) = &value.kind else {
        return Err(value.unexpected("a duration, as \"90s\""));
    };
    let ttl = duration::parse(text).map_err(|error| value.position.error(error.message()))?;
    Ok(Some(ttl).filter(|ttl| !ttl.is_zero()))
}

fn json(value: &Value) -> Result<Json> {
    Ok(match &value.kind {
        Kind::String(text) => Json::from(text.as_str()),
        Kind::Bool(flag) => Json::from(*flag),
        Kind::Null => Json::Null,
        Kind::List(values) => Json::Array(values.iter().map(json).collect::<Result<_>>()?),
        Kind::Number(text) => match hcl::integer(text) {
            Some(number) => Json::from(number),
            None => serde_json::from_str(text).map_err(|_| value.unexpected("a number"))?,
        },
        Kind::Object(items) => {
            let member = |item: &Item| Ok((item.key.text.clone(), json(item.attribute()?)?));
            Json::Object(items.iter().map(member).collect::<Result<_>>()?)
        }
    })
}

fn string(value: &Value) -> Result<&str> {
    match &value.kind {
        Kind::String(text) => Ok(text),
        _ => Err(value.unexpected("a string")),
    }
}

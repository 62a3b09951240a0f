//! What a rule asks of a request beyond its operation: which parameters it may, must and must not carry, and how long the
//! token around a wrapped answer may live.
//!
//! Invariant: a value that means the same to the endpoint cannot dodge a denial by being written otherwise. Both the value as
//! it was sent and as the endpoint will read it are looked at, and every element of a list.

use super::{Operation, Reason};
use crate::base::secret::wipe;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// Names in small letters → the values meant; an empty list means any value. `*` stands for every other name.
pub type Parameters = BTreeMap<String, Vec<Value>>;

/// How an endpoint reads its parameters.
pub trait ReadAs {
    /// The parameter of this name as the endpoint reads it: `"1h"` as 3600, `"a,b"` as a list. None where it has no such one.
    fn read_as(&self, name: &str, value: &Value) -> Option<Value>;
}

/// An endpoint that takes everything as it is sent.
pub struct AsSent;

impl ReadAs for AsSent {
    fn read_as(&self, _name: &str, _value: &Value) -> Option<Value> {
        None
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraints {
    /// If not empty, no others but these.
    pub allowed: Parameters,
    /// None of these, whatever else is allowed.
    pub denied: Parameters,
    /// In small letters.
    pub required: Vec<String>,
    pub min_wrapping_ttl: Option<Duration>,
    pub max_wrapping_ttl: Option<Duration>,
}

/// The part of a request that constraints look at.
#[derive(Clone, Copy)]
pub struct Sent<'q> {
    pub data: &'q Map<String, Value>,
    pub wrap_ttl: Option<Duration>,
    pub read_as: &'q dyn ReadAs,
}

impl Constraints {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds those of another rule for the same pattern: names are united, an empty list (any value) takes the place of a
    /// longer one, and the lowest of each time to live counts.
    pub fn merge(&mut self, other: &Self) {
        unite(&mut self.allowed, &other.allowed);
        unite(&mut self.denied, &other.denied);
        let missing: Vec<_> = other.required.iter().filter(|name| !self.required.contains(name)).cloned().collect();
        self.required.extend(missing);
        self.min_wrapping_ttl = lower(self.min_wrapping_ttl, other.min_wrapping_ttl);
        self.max_wrapping_ttl = lower(self.max_wrapping_ttl, other.max_wrapping_ttl);
    }

    /// What keeps the request from being let through, if anything does. Parameters are looked at where the operation has
    /// some: not when it lists or deletes.
    #[must_use]
    pub fn violated_by(&self, operation: Operation, sent: Sent<'_>) -> Option<Reason> {
        self.wrapping(sent.wrap_ttl).or_else(|| match operation {
            Operation::Create | Operation::Read | Operation::Update | Operation::Patch => self.parameters(sent),
            Operation::Delete | Operation::List | Operation::Help => None,
        })
    }

    /// Whether it is these, of several that were merged, that a request was refused for.
    #[must_use]
    pub fn is_behind(&self, reason: &Reason) -> bool {
        let denies = |name: &String| self.denied.contains_key(&name.to_lowercase()) || self.denied.contains_key("*");
        match reason {
            Reason::ParameterMissing(name) => self.required.contains(name),
            Reason::ParameterDenied(name) => denies(name),
            Reason::ParameterNotAllowed(_) => !self.allowed.is_empty(),
            Reason::NeedsWrapping => self.min_wrapping_ttl.is_some() || self.max_wrapping_ttl.is_some(),
            Reason::WrappingTooShort(least) => self.min_wrapping_ttl == Some(*least),
            Reason::WrappingTooLong(most) => self.max_wrapping_ttl == Some(*most),
            _ => false,
        }
    }

    fn wrapping(&self, asked: Option<Duration>) -> Option<Reason> {
        if self.min_wrapping_ttl.is_none() && self.max_wrapping_ttl.is_none() {
            return None;
        }
        let Some(asked) = asked.filter(|asked| !asked.is_zero()) else { return Some(Reason::NeedsWrapping) };
        let shortest = self.min_wrapping_ttl.filter(|shortest| asked < *shortest).map(Reason::WrappingTooShort);
        shortest.or_else(|| self.max_wrapping_ttl.filter(|longest| asked > *longest).map(Reason::WrappingTooLong))
    }

    fn parameters(&self, sent: Sent<'_>) -> Option<Reason> {
        let is_there = |name: &String| sent.data.keys().any(|key| key.to_lowercase() == *name);
        if let Some(name) = self.required.iter().find(|name| !is_there(name)) {
            return Some(Reason::ParameterMissing(name.clone()));
        }
        let is_restricted = !self.denied.is_empty() || !self.allowed.is_empty();
        for (name, value) in sent.data.iter().filter(|_| is_restricted) {
            let folded = name.to_lowercase();
            let meant = Meant { name, value, read: sent.read_as.read_as(name, value), read_as: sent.read_as };
            let listed = self.denied.get(&folded).is_some_and(|values| meant.is_any_of(values));
            if listed || self.denied.contains_key("*") {
                return Some(Reason::ParameterDenied(name.clone()));
            }
            let is_allowed = self.allowed.is_empty()
                || match self.allowed.get(&folded) {
                    Some(values) => meant.is_within(values),
                    None => self.allowed.contains_key("*"),
                };
            if !is_allowed {
                return Some(Reason::ParameterNotAllowed(name.clone()));
            }
        }
        None
    }
}

fn unite(into: &mut Parameters, from: &Parameters) {
    for (name, values) in from {
        match into.get_mut(name) {
            Some(known) if known.is_empty() || values.is_empty() => known.clear(),
            Some(known) => known.extend(values.iter().cloned()),
            None => drop(into.insert(name.clone(), values.clone())),
        }
    }
}

fn lower(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    [one, other].into_iter().flatten().min()
}

/// A parameter's value, and what the endpoint makes of it.
struct Meant<'q> {
    name: &'q str,
    value: &'q Value,
    read: Option<Value>,
    read_as: &'q dyn ReadAs,
}

/// The copy may hold what the value does: a secret.
impl Drop for Meant<'_> {
    fn drop(&mut self) {
        self.read.iter_mut().for_each(wipe);
    }
}

/// A value or a part of a text, to be compared without being copied.
#[derive(Clone, Copy)]
enum Piece<'v> {
    Whole(&'v Value),
    Part(&'v str),
}

impl Meant<'_> {
    /// Whether the value, or an element of it, is one of those listed.
    fn is_any_of(&self, listed: &[Value]) -> bool {
        let hits = |piece: Piece<'_>| self.is_listed(listed, piece);
        listed.is_empty()
            || [Some(self.value), self.read.as_ref()]
                .into_iter()
                .flatten()
                .any(|form| hits(Piece::Whole(form)) || elements(form).into_iter().any(hits))
    }

    /// Whether the value, or every element of it, is one of those listed.
    fn is_within(&self, listed: &[Value]) -> bool {
        let hits = |piece: Piece<'_>| self.is_listed(listed, piece);
        let all = |form: &Value| {
            let elements = elements(form);
            !elements.is_empty() && elements.into_iter().all(hits)
        };
        if listed.is_empty() {
            return true;
        }
        match &self.read {
            // `baz/*` must not let `baz/x,other` through where that means two.
            Some(read @ Value::Array(_)) => listed.contains(self.value) || listed.contains(read) || all(read),
            Some(read) if hits(Piece::Whole(read)) => true,
            _ => hits(Piece::Whole(self.value)) || all(self.value),
        }
    }

    fn is_listed(&self, listed: &[Value], piece: Piece<'_>) -> bool {
        let read = |listed: &Value| self.read_as.read_as(self.name, listed).is_some_and(|read| is_same(&read, piece));
        listed.iter().any(|listed| is_same(listed, piece) || read(listed))
    }
}

/// What a list holds; a text with commas is one too.
fn elements(value: &Value) -> Vec<Piece<'_>> {
    match value {
        Value::Array(items) => items.iter().map(Piece::Whole).collect(),
        Value::String(text) if text.contains(',') => {
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Piece::Part).collect()
        }
        _ => Vec::new(),
    }
}

/// Texts, numbers and booleans are the same if they read the same; a listed text may have `*` at its ends.
fn is_same(listed: &Value, sent: Piece<'_>) -> bool {
    let text = match sent {
        Piece::Part(text) => Cow::Borrowed(text),
        Piece::Whole(Value::String(text)) => Cow::Borrowed(text.as_str()),
        Piece::Whole(Value::Number(number)) => Cow::Owned(number.to_string()),
        Piece::Whole(Value::Bool(flag)) => Cow::Owned(flag.to_string()),
        Piece::Whole(Value::Array(sent)) => {
            return listed.as_array().is_some_and(|listed| {
                let mut pairs = listed.iter().zip(sent);
                listed.len() == sent.len() && pairs.all(|(listed, sent)| is_same(listed, Piece::Whole(sent)))
            });
        }
        Piece::Whole(other @ (Value::Null | Value::Object(_))) => return listed == other,
    };
    match (listed, sent) {
        (Value::String(pattern), _) => glob(pattern, &text),
        (Value::Number(listed), Piece::Whole(Value::Number(sent))) => is_equal(listed, sent),
        (Value::Number(listed), _) => listed.to_string() == *text,
        (Value::Bool(listed), _) => listed.to_string() == *text,
        (Value::Null | Value::Array(_) | Value::Object(_), _) => false,
    }
}

/// `3600`, `3600.0` and `36e2` are one number.
fn is_equal(one: &Number, other: &Number) -> bool {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other || one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| one.total_cmp(&other).is_eq()),
    }
}

/// `*` at the beginning, at the end or at both stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(tail), Some(_)) => text.contains(tail.strip_suffix('*').unwrap_or(tail)),
        (Some(tail), None) => text.ends_with(tail),
        (None, Some(head)) => text.starts_with(head),
        (None, None) => text == pattern,
    }
}

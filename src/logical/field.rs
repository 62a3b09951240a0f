//! The parameters of a route, as data: their type, default and help. Parsing, `path-help`, the OpenAPI document and the
//! endpoint list all read these.

use crate::base::{Error, Result, duration, fold};
use serde_json::{Map, Number, Value};

/// What a field takes. JSON and the command line's `key=value` texts are both understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Text,
    Integer,
    Flag,
    /// A length of time; kept as whole seconds (a number, or text as `1h30m`).
    Seconds,
    /// A list of texts: a JSON array, or one text with commas.
    List,
    /// A list of texts in which commas mean nothing: a JSON array, or one text.
    Texts,
    /// Text to text: a JSON object, or a list of `key=value`.
    Pairs,
    /// A JSON object of anything (or its text).
    Object,
    /// Any JSON value, kept as it came.
    Any,
}

#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub kind: FieldKind,
    /// The value, in text form, of a field that was not given.
    pub default: Option<&'static str>,
    pub help: &'static str,
    /// Folded after routing: names that compare without case and without space around them.
    pub folded: bool,
    /// Compares like a folded one, and is kept as it was written: rules see both forms of it in a path.
    pub alike: bool,
    /// Must be given.
    pub required: bool,
}

impl Field {
    const fn new(name: &'static str, kind: FieldKind, help: &'static str) -> Self {
        Self { name, kind, default: None, help, folded: false, alike: false, required: false }
    }

    #[must_use]
    pub const fn text(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FieldKind::Text, help)
    }

    #[must_use]
    pub const fn integer(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FieldKind::Integer, help)
    }

    #[must_use]
    pub const fn flag(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FieldKind::Flag, help)
    }

    #[must_use]
    pub const fn seconds(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FieldKind::Seconds, help)
    }

    #[must_use]
    pub const fn list(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FieldKind::List, help)
    }

    #[must_use]
    pub const fn texts(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FieldKind::Texts, help)
    }

    #[must_use]
    pub const fn pairs(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FieldKind::Pairs, help)
    }

    #[must_use]
    pub const fn object(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FieldKind::Object, help)
    }

    #[must_use]
    pub const fn any(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FieldKind::Any, help)
    }

    #[must_use]
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    #[must_use]
    pub const fn folded(mut self) -> Self {
        self.folded = true;
        self
    }

    #[must_use]
    pub const fn alike(mut self) -> Self {
        self.alike = true;
        self
    }

    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Two tables in one, for routes that share a part of theirs with others.
    #[must_use]
    pub const fn joined<const A: usize, const B: usize, const ALL: usize>(
        first: [Self; A],
        second: [Self; B],
    ) -> [Self; ALL] {
        assert!(A + B == ALL && A > 0, "the length of the whole table is that of its parts");
        let mut all = [first[0]; ALL];
        let mut at = 0;
        while at < ALL {
            all[at] = if at < A { first[at] } else { second[at - A] };
            at += 1;
        }
        all
    }

    /// Brings a value to the field's own form, or says what the field takes.
    ///
    /// # Errors
    /// `BadRequest` naming the field and what it takes; never the value.
    pub fn parse(&self, value: &Value) -> Result<Value> {
        let parsed = match self.kind {
            FieldKind::Text => text(value).map(|text| if self.folded { fold(&text) } else { text }).map(Value::String),
            FieldKind::Integer => integer(value).map(Value::from),
            FieldKind::Flag => flag(value).map(Value::Bool),
            FieldKind::Seconds => seconds(value).map(Value::from),
            FieldKind::List => list(value).map(Value::from),
            FieldKind::Texts => texts(value).map(Value::from),
            FieldKind::Pairs => pairs(value).map(Value::Object),
            FieldKind::Object => object(value).map(Value::Object),
            FieldKind::Any => Some(value.clone()),
        };
        parsed.ok_or_else(|| Error::bad_request(format!("field {:?} takes {}", self.name, self.takes())))
    }

    /// What the field takes, in words.
    #[must_use]
    pub fn takes(&self) -> &'static str {
        match self.kind {
            FieldKind::Text => "a string",
            FieldKind::Integer => "a whole number",
            FieldKind::Flag => "true or false",
            FieldKind::Seconds => "a duration: seconds, or a text such as 1h30m",
            FieldKind::List => "a list of strings, or one string with commas",
            FieldKind::Texts => "a list of strings, or one string",
            FieldKind::Pairs => "an object of strings, or a list of key=value strings",
            FieldKind::Object => "a JSON object",
            FieldKind::Any => "any JSON value",
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => whole(number),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn whole(number: &Number) -> Option<i64> {
    let text = number.to_string();
    text.strip_suffix(".0").unwrap_or(&text).parse().ok()
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => whole(number).and_then(|number| (number == 0 || number == 1).then_some(number == 1)),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "t" => Some(true),
            "false" | "0" | "f" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn seconds(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => whole(number).filter(|seconds| *seconds >= 0),
        Value::String(text) if text.is_empty() => Some(0),
        Value::String(text) => duration::parse(text).ok().and_then(|duration| i64::try_from(duration.as_secs()).ok()),
        _ => None,
    }
}

fn list(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        Value::Null => Some(Vec::new()),
        Value::Object(_) => None,
        one => Some(text(one)?.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()),
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        Value::Null => Some(Vec::new()),
        Value::Object(_) => None,
        one => Some(vec![text(one)?]),
    }
}

fn pairs(value: &Value) -> Option<Map<String, Value>> {
    let pair = |item: &Value| {
        let item = text(item)?;
        let (key, value) = item.split_once('=')?;
        Some((key.to_owned(), Value::from(value)))
    };
    match value {
        Value::Object(object) => {
            object.iter().map(|(key, value)| Some((key.clone(), Value::String(text(value)?)))).collect()
        }
        Value::Array(items) => items.iter().map(pair).collect(),
        Value::String(one) if one.trim_start().starts_with('{') => pairs(&serde_json::from_str(one).ok()?),
        Value::String(one) => {
            one.split(',').filter(|item| !item.is_empty()).map(|item| pair(&Value::from(item))).collect()
        }
        Value::Null => Some(Map::new()),
        _ => None,
    }
}

fn object(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

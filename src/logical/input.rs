//! A request's parameters, parsed by the table of its route. Handlers ask for fields by name and get them in the type that
//! the table says; what the table does not know is a warning.

use crate::base::secret::wipe;
use crate::base::{Error, Result};
use crate::logical::{Field, Operation};
use serde_json::Value;
use std::time::Duration;

/// A JSON object in the order in which it was written.
pub type Map = serde_json::Map<String, Value>;

/// What a handler is given: the operation, the path below its mount, and the parsed fields.
pub struct Input {
    pub operation: Operation,
    /// The path below the mount, as the pattern saw it.
    pub path: String,
    fields: Map,
    /// The body as it came, for routes that take anything.
    raw: Map,
    known: &'static [Field],
}

impl Input {
    /// Parses body and path captures by the route's fields; captures win. Also answers the names that nobody knows and those
    /// that the path overruled.
    ///
    /// # Errors
    /// `BadRequest` naming the field that does not parse or is missing.
    pub fn parse(
        operation: Operation,
        path: &str,
        known: &'static [Field],
        captures: &[(&str, &str)],
        body: &Map,
    ) -> Result<(Self, Ignored)> {
        let mut input = Self { operation, path: path.to_owned(), fields: Map::new(), raw: body.clone(), known };
        let mut ignored = Ignored::default();
        for (name, value) in body {
            if captures.iter().any(|(captured, _)| captured == name) {
                ignored.replaced.push(name.clone());
                continue;
            }
            match known.iter().find(|field| field.name == name) {
                Some(_) if value.is_null() => {}
                Some(field) => {
                    input.fields.insert(name.clone(), field.parse(value)?);
                }
                None => ignored.unknown.push(name.clone()),
            }
        }
        for (name, value) in captures {
            let field = known.iter().find(|field| field.name == *name);
            let value = Value::from(*value);
            input.fields.insert((*name).to_owned(), field.map_or(Ok(value.clone()), |field| field.parse(&value))?);
        }
        Ok((input, ignored))
    }

    /// Whether the caller gave this field (a default does not count).
    #[must_use]
    pub fn given(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The field's value or its default.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value> {
        self.fields.get(name).cloned().or_else(|| {
            let field = self.known.iter().find(|field| field.name == name)?;
            field.parse(&Value::from(field.default?)).ok()
        })
    }

    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        match self.value(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// A text that must be there and not empty.
    ///
    /// # Errors
    /// `BadRequest` naming the field.
    pub fn required(&self, name: &str) -> Result<String> {
        self.text(name).filter(|text| !text.is_empty()).ok_or_else(|| Error::bad_request(format!("missing {name}")))
    }

    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.value(name)?.as_i64()
    }

    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.value(name)?.as_bool()
    }

    #[must_use]
    pub fn duration(&self, name: &str) -> Option<Duration> {
        self.value(name)?.as_u64().map(Duration::from_secs)
    }

    #[must_use]
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        match self.value(name)? {
            Value::Array(items) => {
                Some(items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
            }
            _ => None,
        }
    }

    /// An object: of texts for `Pairs`, of anything for `Object`.
    #[must_use]
    pub fn map(&self, name: &str) -> Option<Map> {
        match self.value(name)? {
            Value::Object(map) => Some(map),
            _ => None,
        }
    }

    /// The whole body as it came.
    #[must_use]
    pub fn raw(&self) -> &Map {
        &self.raw
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.fields.values_mut().chain(self.raw.values_mut()).for_each(wipe);
    }
}

/// Parameters without effect, for the answer's warnings.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    pub unknown: Vec<String>,
    pub replaced: Vec<String>,
}

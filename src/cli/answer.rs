//! What a server answered: the published JSON shape, with its numbers exactly as they came. It is wiped when dropped, for it
//! may hold secrets.

use serde_json::{Map, Value};
use zeroize::Zeroize;

pub struct Answer(Value);

impl Answer {
    #[must_use]
    pub fn new(body: Value) -> Self {
        Self(body)
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.0
    }

    /// A top-level member that is there and not null.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A top-level text; empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    #[must_use]
    pub fn data(&self) -> Option<&Map<String, Value>> {
        self.member("data").and_then(Value::as_object)
    }

    /// The `data`, or where an endpoint answers without that envelope, the body itself.
    #[must_use]
    pub fn data_or_body(&self) -> Option<&Map<String, Value>> {
        self.data().or_else(|| self.0.as_object())
    }

    /// The names that a list operation answered with.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        let keys = self.data().and_then(|data| data.get("keys")).and_then(Value::as_array);
        keys.map(|keys| keys.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    }

    #[must_use]
    pub fn auth(&self) -> Option<&Map<String, Value>> {
        self.member("auth").and_then(Value::as_object)
    }

    #[must_use]
    pub fn wrap_info(&self) -> Option<&Map<String, Value>> {
        self.member("wrap_info").and_then(Value::as_object)
    }

    #[must_use]
    pub fn warnings(&self) -> Vec<&str> {
        let warnings = self.member("warnings").and_then(Value::as_array);
        warnings.map(|warnings| warnings.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Zeroises every text in a value.
pub fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

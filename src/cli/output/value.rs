//! A value in a cell of a table, written as the field writes it: texts bare, lists as `[a b]`, objects as `map[k:v]`.

use serde_json::Value;

#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(" ")),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(key, value)| format!("{key}:{}", plain(value))).collect();
            members.sort();
            format!("map[{}]", members.join(" "))
        }
    }
}

/// A list of texts, each in quotes: `["default" "support"]`.
pub fn quoted(list: Option<&Value>) -> Value {
    let items = list.and_then(Value::as_array);
    let quoted: Vec<String> =
        items.into_iter().flatten().filter_map(Value::as_str).map(|text| format!("{text:?}")).collect();
    Value::String(format!("[{}]", quoted.join(" ")))
}

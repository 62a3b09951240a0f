//! Printing answers: as tables laid out as scripts of the field parse them, as JSON, as YAML, or one field alone.

pub mod table;
mod value;
mod yaml;

#[cfg(test)]
mod tests;

use crate::base::duration;
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, console};
use serde_json::{Map, Value};
use std::borrow::Cow;
pub use value::plain;

/// The members of an answer in the order in which JSON shows them.
const MEMBERS: [&str; 9] =
    ["request_id", "lease_id", "lease_duration", "renewable", "data", "warnings", "auth", "wrap_info", "mount_type"];

/// Prints an answer, or the one field of it that was asked for.
///
/// # Errors
/// A field that is not there, or a format that does not exist.
pub fn answer(invocation: &Invocation, answer: &Answer) -> Outcome {
    let format = invocation.format()?;
    if let Some(name) = invocation.field() {
        let rows = rows(answer);
        let field = match rows.iter().find(|(key, _)| key == name) {
            // Durations that the table shows for people are numbers to scripts.
            Some((_, value)) if !is_duration(name) => Some(Cow::Borrowed(value)),
            found => numbers(answer, name).or_else(|| found.map(|(_, value)| Cow::Borrowed(value))),
        };
        return field_value(name, field.or_else(|| other_field(answer, name)).as_deref(), format);
    }
    match format {
        Format::Table => {
            warnings(answer);
            let rows = rows(answer);
            if !rows.is_empty() {
                console::line(table::key_value(
                    &rows.iter().map(|(key, value)| (key, plain(value))).collect::<Vec<_>>(),
                ));
            }
        }
        Format::Json | Format::Yaml => structured(&ordered(answer), format),
    }
    Ok(Exit::SUCCESS)
}

/// Prints data that is no answer of the common shape; in a table, keys sorted.
///
/// # Errors
/// A field that is not there, or a format that does not exist.
pub fn data(invocation: &Invocation, data: &Map<String, Value>) -> Outcome {
    let format = invocation.format()?;
    if let Some(name) = invocation.field() {
        return field_value(name, data.get(name), format);
    }
    match format {
        Format::Table => console::line(table::key_value(&shown(data))),
        Format::Json | Format::Yaml => structured(&Value::Object(data.clone()), format),
    }
    Ok(Exit::SUCCESS)
}

/// Prints names, below a header or as a bare list.
///
/// # Errors
/// A format that does not exist.
pub fn names(invocation: &Invocation, header: Option<&str>, names: &[&str]) -> Outcome {
    match invocation.format()? {
        Format::Table => {
            let header = header.map(|header| vec![vec![header.to_owned()]]);
            let rows = names.iter().map(|name| vec![(*name).to_owned()]).collect::<Vec<_>>();
            match header {
                Some(header) => console::line(table::with_header(&[header, rows].concat())),
                None => names.iter().for_each(console::line),
            }
        }
        format => structured(&Value::from(names), format),
    }
    Ok(Exit::SUCCESS)
}

/// Prints a value as JSON or YAML, its keys sorted below the first level.
pub fn structured(value: &Value, format: Format) {
    match format {
        Format::Yaml => console::line(yaml::text(&sorted(value)).trim_end()),
        _ => console::line(json(value)),
    }
}

/// JSON as people read it: two spaces, numbers as they came.
#[must_use]
pub fn json(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// Tells the server's warnings.
pub fn warnings(answer: &Answer) {
    let warnings = answer.warnings();
    if !warnings.is_empty() {
        let lines: Vec<String> = warnings.iter().map(|warning| format!("  * {warning}\n")).collect();
        console::warn(format!(
            "WARNING! The following warnings were returned from the server:\n\n{}",
            lines.join("\n")
        ));
    }
}

/// A value with the members of all its objects sorted.
#[must_use]
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut entries: Vec<_> = members.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn field_value(name: &str, value: Option<&Value>, format: Format) -> Outcome {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Err(Failure::local(format!("Field {name:?} not present in secret")));
    };
    match format {
        Format::Table => console::value(&plain(value)),
        Format::Json => console::value(&json(&sorted(value))),
        Format::Yaml => console::value(&yaml::text(&sorted(value))),
    }
    Ok(Exit::SUCCESS)
}

/// The whole answer with its members in the published order; those that say nothing are left out where the field does.
fn ordered(answer: &Answer) -> Value {
    let Some(body) = answer.body().as_object() else { return answer.body().clone() };
    if !body.contains_key("request_id") && !body.contains_key("data") {
        return sorted(answer.body());
    }
    let mut shown = Map::new();
    for name in MEMBERS {
        let value = body.get(name).unwrap_or(&Value::Null);
        let optional = matches!(name, "auth" | "wrap_info" | "mount_type");
        if !optional || !(value.is_null() || value == "") {
            shown.insert(name.to_owned(), sorted(value));
        }
    }
    Value::Object(shown)
}

/// What a table shows of an answer: lease, token, wrapping, then the data with its keys sorted.
fn rows(answer: &Answer) -> Vec<(String, Value)> {
    let mut rows = lease_rows(answer);
    rows.extend(answer.auth().map(token_rows).unwrap_or_default());
    rows.extend(answer.wrap_info().map(wrapping_rows).unwrap_or_default());
    let mut data: Vec<_> = answer.data().into_iter().flatten().collect();
    data.sort_by_key(|(key, _)| key.as_str());
    rows.extend(data.into_iter().map(|(key, value)| (key.clone(), humane(key, value))));
    rows
}

fn lease_rows(answer: &Answer) -> Vec<(String, Value)> {
    let seconds = answer.member("lease_duration").and_then(Value::as_u64).unwrap_or(0);
    if seconds == 0 {
        return Vec::new();
    }
    let length = Value::String(duration::short(seconds));
    if answer.text("lease_id").is_empty() {
        return vec![("refresh_interval".to_owned(), length)];
    }
    vec![
        ("lease_id".to_owned(), Value::from(answer.text("lease_id"))),
        ("lease_duration".to_owned(), length),
        ("lease_renewable".to_owned(), answer.member("renewable").cloned().unwrap_or(Value::Bool(false))),
    ]
}

fn token_rows(auth: &Map<String, Value>) -> Vec<(String, Value)> {
    let member = |name: &str| auth.get(name).cloned().unwrap_or(Value::Null);
    let length = match auth.get("lease_duration").and_then(Value::as_u64).unwrap_or(0) {
        0 => "∞".to_owned(),
        seconds => duration::short(seconds),
    };
    let mut rows = vec![
        ("token".to_owned(), member("client_token")),
        ("token_accessor".to_owned(), member("accessor")),
        ("token_duration".to_owned(), Value::String(length)),
        ("token_renewable".to_owned(), Value::Bool(auth.get("renewable").and_then(Value::as_bool).unwrap_or(false))),
        ("token_policies".to_owned(), value::quoted(auth.get("token_policies"))),
        ("identity_policies".to_owned(), value::quoted(auth.get("identity_policies"))),
        ("policies".to_owned(), value::quoted(auth.get("policies"))),
    ];
    let mut metadata: Vec<_> = auth.get("metadata").and_then(Value::as_object).into_iter().flatten().collect();
    metadata.sort_by_key(|(key, _)| key.as_str());
    rows.extend(metadata.into_iter().map(|(key, value)| (format!("token_meta_{key}"), value.clone())));
    rows
}

fn wrapping_rows(wrapping: &Map<String, Value>) -> Vec<(String, Value)> {
    let member = |name: &str| wrapping.get(name).cloned().unwrap_or(Value::Null);
    let length = duration::short(wrapping.get("ttl").and_then(Value::as_u64).unwrap_or(0));
    let mut rows = vec![
        ("wrapping_token:".to_owned(), member("token")),
        ("wrapping_accessor:".to_owned(), member("accessor")),
        ("wrapping_token_ttl:".to_owned(), Value::String(length)),
        ("wrapping_token_creation_time:".to_owned(), member("creation_time")),
        ("wrapping_token_creation_path:".to_owned(), member("creation_path")),
    ];
    if wrapping.get("wrapped_accessor").and_then(Value::as_str).is_some_and(|accessor| !accessor.is_empty()) {
        rows.push(("wrapped_accessor:".to_owned(), member("wrapped_accessor")));
    }
    rows
}

/// The number behind a duration that the table shows for people.
fn numbers<'a>(answer: &'a Answer, name: &str) -> Option<Cow<'a, Value>> {
    let found = match name {
        "lease_duration" | "refresh_interval" => answer.member("lease_duration"),
        "token_duration" => answer.auth()?.get("lease_duration"),
        _ => answer.data()?.get(name),
    };
    found.map(Cow::Borrowed)
}

/// Fields that can be asked for by name though the table does not show them, or shows them with a colon.
fn other_field<'a>(answer: &'a Answer, name: &str) -> Option<Cow<'a, Value>> {
    let wrapping = |name: &str| answer.wrap_info().and_then(|wrapping| wrapping.get(name));
    let lists = |name: &str| answer.auth().and_then(|auth| auth.get(name));
    let found = match name {
        "request_id" | "lease_id" | "renewable" | "data" => answer.member(name),
        "lease_renewable" => answer.member("renewable"),
        "token_policies" | "identity_policies" | "policies" => lists(name),
        "wrapping_token" => wrapping("token"),
        "wrapping_accessor" => wrapping("accessor"),
        "wrapping_token_ttl" => wrapping("ttl"),
        "wrapping_token_creation_time" => wrapping("creation_time"),
        "wrapping_token_creation_path" => wrapping("creation_path"),
        "wrapped_accessor" => wrapping("wrapped_accessor"),
        _ => None,
    };
    found.map(Cow::Borrowed)
}

/// Data as rows of a table.
fn shown(data: &Map<String, Value>) -> Vec<(&String, String)> {
    let mut rows: Vec<_> = data.iter().map(|(key, value)| (key, plain(&humane(key, value)))).collect();
    rows.sort();
    rows
}

/// A duration in seconds for people; everything else as it is.
fn humane(key: &str, value: &Value) -> Value {
    match value.as_u64().filter(|_| is_duration(key)) {
        Some(seconds) => Value::String(duration::short(seconds)),
        None => value.clone(),
    }
}

fn is_duration(key: &str) -> bool {
    let ends = |word: &str| key == word || key.strip_suffix(word).is_some_and(|rest| rest.ends_with('_'));
    ends("period") || ends("ttl") || ends("duration") || matches!(key, "lease_max" | "ttl_max" | "refresh_interval")
}

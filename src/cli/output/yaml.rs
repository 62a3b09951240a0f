//! Values as YAML, numbers exactly as they came, which a general serialiser would not promise. Texts that could be taken for
//! something else are written in double quotes, whose escapes JSON and YAML share.

use serde_json::Value;
use std::fmt::Write;

pub fn text(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => block(&mut out, value, 0),
        Value::Array(items) if !items.is_empty() => block(&mut out, value, 0),
        scalar => {
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
    out
}

fn block(out: &mut String, value: &Value, depth: usize) {
    let margin = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let _ = write!(out, "{margin}{}:", scalar(key));
                // A list below a key needs no further margin.
                follow(out, value, depth + usize::from(value.is_object()));
            }
        }
        Value::Array(items) => {
            for item in items {
                let _ = write!(out, "{margin}-");
                follow(out, item, depth + 1);
            }
        }
        _ => {}
    }
}

fn follow(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push('\n');
            block(out, value, depth);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(out, value, depth);
        }
        scalar => {
            let _ = writeln!(out, " {}", inline(scalar));
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { Value::from(text).to_string() }
}

/// Whether a text can stand without quotes and still be read as a text by everyone.
fn is_plain(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-./:@+=".contains(c);
    let means_something = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_')
        && text.chars().all(allowed)
        && !text.ends_with(':')
        && !means_something.contains(&text.to_ascii_lowercase().as_str())
}

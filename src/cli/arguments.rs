//! Data on the command line: `key=value`, `key=@file`, `key=-` (standard input), `@file.json`, `-` (JSON on standard input).
//! Values are texts; a key given twice makes a list; `\@` stands for an at sign.

use crate::cli::{Failure, console};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Reads data from arguments.
///
/// # Errors
/// An argument of no known form, a file that cannot be read, or JSON that is none.
pub fn data(arguments: &[String]) -> Result<Map<String, Value>, Failure> {
    data_with(arguments, &console::standard_input)
}

type StandardInput<'a> = &'a dyn Fn() -> Result<Zeroizing<String>, Failure>;

fn data_with(arguments: &[String], standard_input: StandardInput) -> Result<Map<String, Value>, Failure> {
    let mut data = Map::new();
    for argument in arguments {
        if argument == "-" {
            data.extend(object(&standard_input()?, "standard input")?);
        } else if let Some(file) = argument.strip_prefix('@').filter(|_| !argument.contains('=')) {
            data.extend(object(&content(file)?, file)?);
        } else {
            let (key, value) = argument.split_once('=').ok_or_else(|| no_pair(argument))?;
            add(&mut data, key, text(value, standard_input)?);
        }
    }
    Ok(data)
}

/// Data of which every value must be a text, as options and metadata are.
///
/// # Errors
/// As [`data`], and a value that is no text.
pub fn texts(arguments: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let only_text = |(key, value): (String, Value)| match value {
        Value::String(text) => Ok((key, text)),
        _ => Err(Failure::local(format!("Failed to parse K=V data: {key} was given more than one value"))),
    };
    data(arguments)?.into_iter().map(only_text).collect()
}

fn text(value: &str, standard_input: StandardInput) -> Result<String, Failure> {
    if value == "-" {
        return Ok(standard_input()?.to_string());
    }
    if let Some(file) = value.strip_prefix('@') {
        return Ok(content(file)?.to_string());
    }
    Ok(value.strip_prefix("\\@").map_or_else(|| value.to_owned(), |rest| format!("@{rest}")))
}

fn add(data: &mut Map<String, Value>, key: &str, text: String) {
    let text = Value::String(text);
    match data.get_mut(key) {
        None => {
            data.insert(key.to_owned(), text);
        }
        Some(Value::Array(values)) => values.push(text),
        Some(first) => *first = Value::Array(vec![first.take(), text]),
    }
}

fn object(text: &str, origin: &str) -> Result<Map<String, Value>, Failure> {
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Failure::local(format!("Failed to parse K=V data: {origin} does not hold a JSON object"))),
        Err(error) => Err(Failure::local(format!(
            "Failed to parse K=V data: {origin} is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ))),
    }
}

fn content(file: &str) -> Result<Zeroizing<String>, Failure> {
    std::fs::read_to_string(file)
        .map(Zeroizing::new)
        .map_err(|error| Failure::local(format!("Failed to parse K=V data: error reading file: {file}: {error}")))
}

/// The argument is not repeated in full: it may be a value that lost its key.
fn no_pair(argument: &str) -> Failure {
    let shown: String = argument.chars().take(12).collect();
    let more = if shown.len() < argument.len() { "…" } else { "" };
    Failure::local(format!(
        "Failed to parse K=V data: invalid key/value pair \"{shown}{more}\": format must be key=value"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;

    fn read(arguments: &[&str]) -> Result<Value, Failure> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let input = || Ok(Zeroizing::new("{\"from\": \"input\", \"n\": 1.50}".to_owned()));
        data_with(&arguments, &input).map(Value::Object)
    }

    #[test]
    fn a_pair_is_a_text_and_only_its_first_equals_sign_parts_it() {
        assert_eq!(read(&["a=1", "b=x=y", "c="]).unwrap(), json!({"a": "1", "b": "x=y", "c": ""}));
    }

    #[test]
    fn a_key_given_again_makes_a_list() {
        assert_eq!(read(&["a=1", "a=2", "a=3"]).unwrap(), json!({"a": ["1", "2", "3"]}));
    }

    #[test]
    fn an_at_sign_names_a_file_unless_escaped() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"{\"k\": \"v\"}\n").unwrap();
        let path = file.path().to_str().unwrap();
        assert_eq!(read(&[&format!("a=@{path}")]).unwrap(), json!({"a": "{\"k\": \"v\"}\n"}));
        assert_eq!(read(&[&format!("@{path}")]).unwrap(), json!({"k": "v"}));
        assert_eq!(read(&["a=\\@name"]).unwrap(), json!({"a": "@name"}));
    }

    #[test]
    fn a_dash_is_standard_input() {
        assert_eq!(read(&["-"]).unwrap()["from"], "input");
        assert_eq!(read(&["-"]).unwrap()["n"].to_string(), "1.50", "numbers stay as they were written");
        assert_eq!(read(&["a=-"]).unwrap()["a"], "{\"from\": \"input\", \"n\": 1.50}");
    }

    #[test]
    fn what_is_no_data_fails_locally_and_is_not_repeated_in_full() {
        let failure = read(&["hvs.averylongsecretvalue"]).unwrap_err();
        assert!(failure.message.contains("format must be key=value") && !failure.message.contains("secretvalue"));
        assert!(read(&["a=@/no/such/file"]).unwrap_err().message.contains("/no/such/file"));
        assert!(read(&["@/no/such/file"]).is_err());
    }
}

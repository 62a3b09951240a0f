//! `policy explain`: which rule allows or denies something, and what would allow it.

use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::invocation::trimmed_path;
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Map, Value, json};

pub const COMMAND: Command = Command {
    name: "policy explain",
    summary: "Tell which rule allows or denies something",
    arguments: "[TOKEN] PATH",
    takes: (1, 2),
    about: "Tells whether a token may do something at a path, which rule of which policy decides that, which other rules \
            match, and which policy would allow what is denied. With the path alone it is about the token in use; that of \
            another is given before it, or - to read it from standard input, or it is named by its accessor. Nothing is \
            done at the path.\n\n\
            The exit code is 0 when it is allowed and 2 when it is denied.",
    examples: &[
        ("May the token in use read this?", "policy explain aws/creds/support"),
        ("May it list the roles?", "policy explain -operation=list aws/roles"),
        ("What would these policies allow?", "policy explain -policy=support -policy=default aws/creds/support"),
        (
            "May another token make one that lives for two days?",
            "policy explain -accessor=3nN8CvW2Qe0JvGsmZ1Xb -operation=update -parameter=ttl=48h auth/token/create",
        ),
    ],
    flags: &[
        Flag::text("operation", "What is to be done: create, read, update, patch, delete or list.")
            .alias("capability")
            .default("read"),
        Flag::text("accessor", "The accessor of the token to ask about."),
        Flag::list("policy", "A policy to ask about, as if a token had it. May be given more than once."),
        Flag::pairs("parameter", "A parameter that the request would carry. May be given more than once."),
        Flag::duration("wrapped-for", "As if the answer were wrapped in a token that lives this long."),
    ],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let (endpoint, body) = question(invocation)?;
    let answer = invocation.client()?.post(endpoint, Value::Object(body));
    let answer = answer.map_err(|failure| failure.context("Error explaining policies"))?;
    let answer = answer.ok_or_else(|| Failure::refused("Error explaining policies: the server answered nothing"))?;
    let data = answer.data().ok_or_else(|| Failure::refused("Error explaining policies: the answer has no data"))?;
    let allowed = data.get("allowed").and_then(Value::as_bool).unwrap_or(false);
    match (invocation.field(), invocation.format()?) {
        (Some(_), _) => drop(output::data(invocation, data)?),
        (None, Format::Table) => console::line(told(data, allowed).trim_end()),
        (None, format) => output::structured(&Value::Object(data.clone()), format),
    }
    Ok(if allowed { Exit::SUCCESS } else { Exit::REFUSED })
}

/// Where to ask, and what.
fn question(invocation: &Invocation) -> Result<(&'static str, Map<String, Value>), Failure> {
    let (token, path) = match invocation.arguments.as_slice() {
        [token, path] => (Some(token.as_str()), path),
        arguments => (None, &arguments[0]),
    };
    let mut body = Map::new();
    let accessor = invocation.given("accessor").filter(|accessor| !accessor.is_empty());
    let policies = invocation.list("policy");
    let endpoint = match (token, accessor, policies) {
        (None, None, []) => "sys/policies/explain-self",
        (Some("-"), None, []) => {
            body.insert("token".to_owned(), console::standard_input()?.trim().into());
            "sys/policies/explain"
        }
        (Some(token), None, []) => {
            body.insert("token".to_owned(), token.trim().into());
            "sys/policies/explain"
        }
        (None, Some(accessor), []) => {
            body.insert("accessor".to_owned(), accessor.into());
            "sys/policies/explain"
        }
        (None, None, policies) => {
            body.insert("policies".to_owned(), json!(policies));
            "sys/policies/explain"
        }
        _ => return Err(Failure::local("Give one of TOKEN, -accessor and -policy, or none for the token in use.")),
    };
    body.insert("path".to_owned(), trimmed_path(path).into());
    body.insert("operation".to_owned(), invocation.text("operation").unwrap_or("read").into());
    let data: Map<String, Value> =
        invocation.pairs("parameter").map(|(name, value)| (name.to_owned(), value.into())).collect();
    if !data.is_empty() {
        body.insert("data".to_owned(), Value::Object(data));
    }
    if let Some(ttl) = invocation.duration("wrapped-for") {
        body.insert("wrap_ttl".to_owned(), ttl.as_secs().into());
    }
    Ok((endpoint, body))
}

/// The whole answer for people.
fn told(data: &Map<String, Value>, allowed: bool) -> String {
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let verdict = if allowed { "allowed" } else { "denied" };
    let mut told = format!("{} {}: {verdict}\n\n{}\n", text("operation"), text("path"), text("message"));
    let rows = |name: &str| data.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    told.push_str(&table(rows("matches"), &["Policy", "Line", "Path", "Capabilities", "Standing"]));
    if !rows("left_out").is_empty() {
        told.push_str("\nLeft out, for want of a value in their templates:\n");
        told.push_str(&table(rows("left_out"), &["Policy", "Line", "Path", "Why"]));
    }
    let unknown: Vec<&str> = rows("unknown_policies").iter().filter_map(Value::as_str).collect();
    if !unknown.is_empty() {
        told.push_str(&format!("\nPolicies that do not exist: {}\n", unknown.join(", ")));
    }
    if !text("to_allow").is_empty() {
        told.push_str(&format!("\nThis policy would allow it:\n\n{}", text("to_allow")));
    }
    told
}

/// A table of objects, whose members are the titles in small letters.
fn table(rows: &[Value], titles: &[&str]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let cell = |row: &Value, title: &&str| match row.get(title.to_lowercase()) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        Some(value) => output::plain(value),
        None => String::new(),
    };
    let header = titles.iter().map(|title| (*title).to_owned()).collect();
    let cells = rows.iter().map(|row| titles.iter().map(|title| cell(row, title)).collect());
    let all: Vec<Vec<String>> = std::iter::once(header).chain(cells).collect();
    format!("\n{}\n", output::table::with_header(&all))
}

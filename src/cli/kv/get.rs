//! `kv get`: reads a secret.

use super::{MOUNT, path};
use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Map, Value};

pub const COMMAND: Command = Command {
    name: "kv get",
    summary: "Read a secret",
    arguments: "PATH",
    takes: (1, 1),
    about: "Reads a secret and prints its keys and values.",
    examples: &[
        ("Read a secret:", "kv get secret/my-app"),
        ("The same, with the mount given apart:", "kv get -mount=secret my-app"),
        ("Print one value:", "kv get -field=password secret/my-app"),
    ],
    flags: &[MOUNT],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let path = path(invocation, &client)?;
    let answer = client.read(&path).map_err(|failure| failure.context(format!("Error reading {path}")))?;
    let answer = answer.ok_or_else(|| Failure::refused(format!("No value found at {path}")))?;
    let as_it_is = invocation.field().is_some() || answer.wrap_info().is_some();
    match answer.data().filter(|_| !as_it_is) {
        Some(data) if invocation.format()? == Format::Table => {
            output::warnings(&answer);
            console::line(heading("Data", data));
            console::line(output::table::key_value(&rows(data)));
            Ok(Exit::SUCCESS)
        }
        _ => output::answer(invocation, &answer),
    }
}

fn rows(data: &Map<String, Value>) -> Vec<(&String, String)> {
    let mut rows: Vec<_> = data.iter().map(|(key, value)| (key, output::plain(value))).collect();
    rows.sort();
    rows
}

/// `=== Data ===`, about as wide as the header of the table below it.
fn heading(title: &str, data: &Map<String, Value>) -> String {
    let longest = data.keys().map(String::len).max().unwrap_or(0);
    let signs = match (longest + "    Value".len()).saturating_sub(title.len() + 2) {
        0 => 4,
        room => room + room % 2,
    };
    let half = "=".repeat(signs / 2);
    format!("{half} {title} {half}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heading_is_as_wide_as_the_table_and_even() {
        for (key, heading_expected) in
            [("foo", "=== Data ==="), ("password", "====== Data ======"), ("a", "== Data ==")]
        {
            let data = Map::from_iter([(key.to_owned(), Value::from("x"))]);
            assert_eq!(heading("Data", &data), heading_expected);
        }
    }
}

//! `kv get`: reads a secret.

use super::MOUNT;
use super::place::Place;
use super::sections;
use crate::cli::client::Call;
use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, output};
use serde_json::{Map, Value};

pub const COMMAND: Command = Command {
    name: "kv get",
    summary: "Read a secret",
    arguments: "PATH",
    takes: (1, 1),
    about: "Reads a secret and prints its keys and values; of a store of version 2, what is known of the version, too.",
    examples: &[
        ("Read a secret:", "kv get secret/my-app"),
        ("The same, with the mount given apart:", "kv get -mount=secret my-app"),
        ("Read an earlier version of it:", "kv get -version=1 secret/my-app"),
        ("Print one value:", "kv get -field=password secret/my-app"),
    ],
    flags: &[
        MOUNT,
        Flag::number("version", "Which version to read, of a store of version 2. The current one is read without it."),
    ],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let place = Place::find(invocation, &client)?;
    let path = place.data();
    let wanted = invocation.given("version").filter(|_| place.versioned);
    let call = Call::new("GET", &path).with_query(wanted.map(|version| ("version".to_owned(), version.to_owned())));
    let answer = client.ask(&call).map_err(|failure| failure.context(format!("Error reading {path}")))?;
    let answer = answer.ok_or_else(|| Failure::refused(format!("No value found at {path}")))?;
    if answer.wrap_info().is_some() {
        return output::answer(invocation, &answer);
    }
    let value = value(&answer, &place);
    if let Some(field) = invocation.field().filter(|_| place.versioned) {
        let value = value.ok_or_else(|| Failure::refused(format!("No data found at {path}")))?;
        // "data" is the whole value, unless that has a key of this name.
        let whole = field == "data" && !value.contains_key("data");
        return if whole { output::answer(invocation, &answer) } else { output::data(invocation, value) };
    }
    if invocation.field().is_some() || invocation.format()? != Format::Table {
        return output::answer(invocation, &answer);
    }
    show(&answer, &place, &path, value);
    Ok(Exit::SUCCESS)
}

/// The keys and values of the secret itself.
fn value<'a>(answer: &'a Answer, place: &Place) -> Option<&'a Map<String, Value>> {
    let data = answer.data()?;
    if place.versioned { data.get("data")?.as_object() } else { Some(data) }
}

fn show(answer: &Answer, place: &Place, path: &str, value: Option<&Map<String, Value>>) {
    output::warnings(answer);
    if place.versioned {
        sections::path("Secret Path", path);
        let metadata = answer.data().and_then(|data| data.get("metadata")?.as_object());
        if let Some(metadata) = metadata {
            sections::members("Metadata", metadata);
            if value.is_some() {
                crate::cli::console::line("");
            }
        }
    }
    if let Some(value) = value {
        sections::members("Data", value);
    }
}

//! `kv metadata get`: shows what is known of a secret and of each of its versions.

use super::{MOUNT, path};
use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::kv::sections;
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Map, Value};

pub const COMMAND: Command = Command {
    name: "kv metadata get",
    summary: "Show what is known of a secret and its versions",
    arguments: "PATH",
    takes: (1, 1),
    about: "Shows how a secret's versions are kept, and of each version when it was written and what became of it.",
    examples: &[("See the versions of a secret:", "kv metadata get secret/my-app")],
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
        Some(known) if invocation.format()? == Format::Table => {
            show(&answer, &path, known);
            Ok(Exit::SUCCESS)
        }
        _ => output::answer(invocation, &answer),
    }
}

fn show(answer: &Answer, path: &str, known: &Map<String, Value>) {
    output::warnings(answer);
    sections::path("Metadata Path", path);
    let mut settings = known.clone();
    let versions = settings.shift_remove("versions");
    sections::members("Metadata", &settings);
    let mut versions: Vec<_> = versions.as_ref().and_then(Value::as_object).into_iter().flatten().collect();
    versions.sort_by_key(|(number, _)| number.parse::<u64>().unwrap_or(u64::MAX));
    for (number, version) in versions {
        if let Some(version) = version.as_object() {
            console::line("");
            sections::members(&format!("Version {number}"), version);
        }
    }
}

//! `audit enable`: adds an audit device.

use crate::cli::command::{ANY, Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::invocation::mount_path;
use crate::cli::{Exit, Invocation, Outcome, arguments, console, output};
use serde_json::{Map, Value, json};

pub const COMMAND: Command = Command {
    name: "audit enable",
    summary: "Add an audit device",
    arguments: "TYPE [KEY=VALUE...]",
    takes: (1, ANY),
    about: "Adds an audit device. Its options follow the kind; a file device needs file_path, below the directory that the \
            server's configuration allows. Needs sudo on sys/audit.",
    examples: &[("Record to a file:", "audit enable file file_path=/var/log/leasehold/audit.log")],
    flags: &[
        Flag::text("path", "The name of the device. The default is the name of its kind."),
        Flag::text("description", "What the device is for, in words for people."),
        Flag::bool("local", "Mark the device as local to one cluster."),
    ],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let kind = invocation.argument(0).trim();
    let path = mount_path(invocation.given("path").filter(|path| !path.is_empty()).unwrap_or(kind));
    let options: Map<String, Value> =
        arguments::texts(&invocation.arguments[1..])?.into_iter().map(|(key, value)| (key, value.into())).collect();
    let body = json!({
        "type": kind,
        "description": invocation.given("description").unwrap_or_default(),
        "options": options,
        "local": invocation.is_set("local"),
    });
    let answer = invocation.client()?.write(&format!("sys/audit/{}", path.trim_end_matches('/')), body);
    let answer = answer.map_err(|failure| failure.context("Error enabling audit device"))?;
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Enabled the {kind} audit device at: {path}"));
    Ok(Exit::SUCCESS)
}

//! `audit list`: the enabled audit devices.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Map, Value};

pub const COMMAND: Command = Command {
    name: "audit list",
    summary: "List the audit devices",
    arguments: "",
    takes: (0, 0),
    about: "Lists the enabled audit devices. Needs sudo on sys/audit.",
    examples: &[("See what records:", "audit list"), ("See their options, too:", "audit list -detailed")],
    flags: &[Flag::bool("detailed", "Show the options, too.")],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let answer = invocation.client()?.read("sys/audit").map_err(|failure| failure.context("Error listing audits"))?;
    let mut devices: Vec<_> = answer.as_ref().and_then(|answer| answer.data()).into_iter().flatten().collect();
    devices.sort_by_key(|(path, _)| path.as_str());
    match invocation.format()? {
        Format::Table if devices.is_empty() => return Err(Failure::refused("No audit devices are enabled.")),
        Format::Table => {
            let detailed = invocation.is_set("detailed");
            let titles: &[&str] = if detailed {
                &["Path", "Type", "Description", "Replication", "Options"]
            } else {
                &["Path", "Type", "Description"]
            };
            let mut table = vec![titles.iter().map(|title| (*title).to_owned()).collect()];
            table.extend(devices.into_iter().map(|(path, device)| row(path, device, titles.len())));
            console::line(output::table::with_header(&table));
        }
        format => {
            let devices: Map<_, _> = devices.into_iter().map(|(path, device)| (path.clone(), device.clone())).collect();
            output::structured(&Value::Object(devices), format);
        }
    }
    Ok(Exit::SUCCESS)
}

fn row(path: &str, device: &Value, columns: usize) -> Vec<String> {
    let shown = |name: &str| device.get(name).filter(|value| !value.is_null()).map(output::plain).unwrap_or_default();
    let local = device.get("local").and_then(Value::as_bool).unwrap_or(false);
    let options = device.get("options").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut options: Vec<String> =
        options.iter().map(|(key, value)| format!("{key}={}", output::plain(value))).collect();
    options.sort();
    let replication = if local { "local" } else { "replicated" };
    let mut row = vec![path.to_owned(), shown("type"), shown("description"), replication.to_owned(), options.join(" ")];
    row.truncate(columns);
    row
}

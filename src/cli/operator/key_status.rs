//! `operator key-status`: the key that data is sealed with now.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::{Client, Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "operator key-status",
    summary: "Tell which key seals new data",
    arguments: "",
    takes: (0, 0),
    about: "Tells the number of the key that new data is sealed with, since when it is used and how often it was.",
    examples: &[("See the key in use:", "operator key-status")],
    flags: &[],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    print(invocation, &invocation.client()?)
}

/// Prints the key in use.
pub fn print(invocation: &Invocation, client: &Client) -> Outcome {
    let failed = |failure: Failure| failure.context("Error reading key status");
    let answer = client.read("sys/key-status").map_err(failed)?;
    let answer = answer.ok_or_else(|| failed(Failure::refused("the server answered nothing")))?;
    let status = answer.data_or_body().cloned().unwrap_or_default();
    match invocation.format()? {
        Format::Table => {
            let shown = |name: &str| status.get(name).map(output::plain).unwrap_or_default();
            let rows = [
                vec!["Key Term".to_owned(), shown("term")],
                vec!["Install Time".to_owned(), shown("install_time")],
                vec!["Encryption Count".to_owned(), shown("encryptions")],
            ];
            console::line(output::table::plain(&rows));
        }
        format => output::structured(&Value::Object(status), format),
    }
    Ok(Exit::SUCCESS)
}

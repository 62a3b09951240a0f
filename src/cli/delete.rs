//! `delete`: deletes what is at a path.

use crate::cli::client::Call;
use crate::cli::command::{ANY, Command, FIELD, FORMAT, HTTP};
use crate::cli::invocation::trimmed_path;
use crate::cli::{Exit, Format, Invocation, Outcome, arguments, console, output};

pub const COMMAND: Command = Command {
    name: "delete",
    summary: "Delete what is at a path",
    arguments: "PATH [KEY=VALUE...]",
    takes: (1, ANY),
    about: "Deletes what is at a path; what that means is up to the engine that serves it. There need not be anything: \
            deleting nothing is a success.",
    examples: &[
        ("Delete a secret:", "delete secret/my-app"),
        ("Delete a role of an engine:", "delete aws/roles/support"),
    ],
    flags: &[],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = trimmed_path(invocation.argument(0));
    let call = Call::new("DELETE", path).with_query(arguments::texts(&invocation.arguments[1..])?);
    let answer = invocation.client()?.change(&call);
    let answer = answer.map_err(|failure| failure.context(format!("Error deleting {path}")))?;
    if invocation.format()? == Format::Table {
        console::line(format!("Success! Data deleted (if it existed) at: {path}"));
    }
    match answer {
        Some(answer) => output::answer(invocation, &answer),
        None => Ok(Exit::SUCCESS),
    }
}

//! `kv delete`: deletes a secret.

use super::{MOUNT, path};
use crate::cli::command::{Command, HTTP};
use crate::cli::{Exit, Invocation, Outcome, console};

pub const COMMAND: Command = Command {
    name: "kv delete",
    summary: "Delete a secret",
    arguments: "PATH",
    takes: (1, 1),
    about: "Deletes a secret. There need not be one: deleting nothing is a success.",
    examples: &[("Delete a secret:", "kv delete secret/my-app")],
    flags: &[MOUNT],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let path = path(invocation, &client)?;
    client.delete(&path).map_err(|failure| failure.context(format!("Error deleting {path}")))?;
    console::line(format!("Success! Data deleted (if it existed) at: {path}"));
    Ok(Exit::SUCCESS)
}

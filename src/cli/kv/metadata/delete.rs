//! `kv metadata delete`: takes a secret with all its versions for good.

use super::{MOUNT, path};
use crate::cli::command::{Command, HTTP};
use crate::cli::{Exit, Invocation, Outcome, console, output};

pub const COMMAND: Command = Command {
    name: "kv metadata delete",
    summary: "Take a secret with all its versions for good",
    arguments: "PATH",
    takes: (1, 1),
    about: "Takes a secret with all its versions and all that is known of it: nothing brings it back. There need not be one: \
            deleting nothing is a success.",
    examples: &[("Delete a secret for good:", "kv metadata delete secret/my-app")],
    flags: &[MOUNT],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let path = path(invocation, &client)?;
    let answer = client.delete(&path).map_err(|failure| failure.context(format!("Error deleting {path}")))?;
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Data deleted (if it existed) at: {path}"));
    Ok(Exit::SUCCESS)
}

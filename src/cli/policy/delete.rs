//! `policy delete`: removes a policy.

use super::endpoint;
use crate::cli::command::{Command, HTTP};
use crate::cli::{Exit, Invocation, Outcome, console};

pub const COMMAND: Command = Command {
    name: "policy delete",
    summary: "Remove a policy",
    arguments: "NAME",
    takes: (1, 1),
    about: "Removes a policy. Tokens that carry it lose at once what it allowed. The policies \"root\" and \"default\" stay.",
    examples: &[("Remove the policy \"support\":", "policy delete support")],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let name = invocation.argument(0).trim().to_lowercase();
    let answer = invocation.client()?.delete(&endpoint(&name));
    answer.map_err(|failure| failure.context(format!("Error deleting {name}")))?;
    console::line(format!("Success! Deleted policy: {name}"));
    Ok(Exit::SUCCESS)
}

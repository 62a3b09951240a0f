//! `policy list`: the names of all policies.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::{Invocation, Outcome, output};

pub const COMMAND: Command = Command {
    name: "policy list",
    summary: "List the policies",
    arguments: "",
    takes: (0, 0),
    about: "Lists the names of all policies, one in a line.",
    examples: &[("List them:", "policy list")],
    flags: &[],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let answer = invocation.client()?.list("sys/policies/acl");
    let answer = answer.map_err(|failure| failure.context("Error listing policies"))?;
    output::names(invocation, None, &answer.as_ref().map(|answer| answer.keys()).unwrap_or_default())
}

//! `policy fmt`: lays a policy file out in the usual way.

use super::layout;
use crate::cli::command::Command;
use crate::cli::{Exit, Failure, Invocation, Outcome, console};

pub const COMMAND: Command = Command {
    name: "policy fmt",
    summary: "Lay out a policy file",
    arguments: "PATH",
    takes: (1, 1),
    about: "Lays a policy file out in the usual way, in place: two blanks for each level, one statement in a line. Comments \
            stay. Only the layout changes, never the meaning. No server is needed.",
    examples: &[("Lay out a file:", "policy fmt support.hcl")],
    flags: &[],
    shares: &[],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let file = invocation.argument(0);
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::local(format!("Error reading policy file {file}: {error}")))?;
    let formatted =
        layout::laid_out(&text).map_err(|failure| failure.context(format!("Failed to parse policy {file}")))?;
    if formatted != text {
        std::fs::write(file, formatted)
            .map_err(|error| Failure::local(format!("Error writing policy file {file}: {error}")))?;
    }
    console::line(format!("Success! Formatted policy: {file}"));
    Ok(Exit::SUCCESS)
}

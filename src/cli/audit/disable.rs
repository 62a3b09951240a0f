//! `audit disable`: removes an audit device.

use crate::cli::command::{Command, HTTP};
use crate::cli::invocation::mount_path;
use crate::cli::{Exit, Invocation, Outcome, console};

pub const COMMAND: Command = Command {
    name: "audit disable",
    summary: "Remove an audit device",
    arguments: "PATH",
    takes: (1, 1),
    about: "Removes an audit device; what it recorded stays where it is. When it was the last one, nothing is recorded any \
            more. A device that is enabled again hashes with another key: the values in the two recordings do not \
            compare.",
    examples: &[("Remove the device at file/:", "audit disable file/")],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = mount_path(invocation.argument(0));
    let answer = invocation.client()?.delete(&format!("sys/audit/{}", path.trim_end_matches('/')));
    answer.map_err(|failure| failure.context("Error disabling audit device"))?;
    console::line(format!("Success! Disabled audit device (if it was enabled) at: {path}"));
    Ok(Exit::SUCCESS)
}

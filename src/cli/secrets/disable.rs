//! `secrets disable`: unmounts a secrets engine.

use super::checked;
use crate::cli::command::{Command, HTTP};
use crate::cli::{Exit, Invocation, Outcome, console, output};

pub const COMMAND: Command = Command {
    name: "secrets disable",
    summary: "Unmount a secrets engine and revoke all it issued",
    arguments: "PATH",
    takes: (1, 1),
    about: "Unmounts the secrets engine at a path. All its leases end, all it stored is removed; both goes on in the \
            background, and \"secrets list -detailed\" shows what is left to do. The path is free at once. It is a \
            success, too, when nothing is mounted there.",
    examples: &[("Unmount the engine at cloud/:", "secrets disable cloud/")],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = checked(invocation.argument(0))?;
    let answer = invocation.client()?.delete(&format!("sys/mounts/{}", path.trim_end_matches('/')));
    let answer = answer.map_err(|failure| failure.context(format!("Error disabling secrets engine at {path}")))?;
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Disabled the secrets engine (if it existed) at: {path}"));
    Ok(Exit::SUCCESS)
}

//! `secrets move`: moves a secrets engine to another path. (The file bears the name of its endpoint: `move` is a word of the
//! language.)

use super::checked;
use crate::cli::command::{Command, HTTP};
use crate::cli::{Invocation, Outcome, migration};

pub const COMMAND: Command = Command {
    name: "secrets move",
    summary: "Move a secrets engine to another path",
    arguments: "SOURCE DESTINATION",
    takes: (2, 2),
    about: "Moves the secrets engine at one path to another, with all its data and settings, and waits until that is done. \
            Its leases live on; policies that name the old path do not follow.",
    examples: &[("Move the engine at aws/ to cloud/:", "secrets move aws/ cloud/")],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let (source, destination) = (checked(invocation.argument(0))?, checked(invocation.argument(1))?);
    migration::run(invocation, "secrets engine", &source, &destination)
}

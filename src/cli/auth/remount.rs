//! `auth move`: moves an auth method to another path. (The file bears the name of its endpoint: `move` is a word of the
//! language.)

use super::checked;
use crate::cli::command::{Command, HTTP};
use crate::cli::{Invocation, Outcome, migration};

pub const COMMAND: Command = Command {
    name: "auth move",
    summary: "Move an auth method to another path",
    arguments: "SOURCE DESTINATION",
    takes: (2, 2),
    about: "Moves the auth method at one path below auth/ to another, with all its data and settings, and waits until that is \
            done. Policies that name the old path do not follow.",
    examples: &[("Move the method at auth/userpass/ to auth/staff/:", "auth move auth/userpass/ auth/staff/")],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let (source, destination) = (checked(invocation.argument(0))?, checked(invocation.argument(1))?);
    migration::run(invocation, "auth method", &format!("auth/{source}"), &format!("auth/{destination}"))
}

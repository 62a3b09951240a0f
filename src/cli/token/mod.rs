//! `token …`: the tokens that people and programs sign in with.

pub mod capabilities;
pub mod create;
pub mod lookup;
pub mod renew;
pub mod revoke;

use crate::cli::command::Group;
use crate::cli::{Failure, Invocation, console};

pub const GROUP: Group = Group {
    name: "token",
    summary: "Create, look up, renew and revoke tokens",
    about: "Every request is made with a token. A token made with another is its child: when the parent ends, so does the \
            child, and all that was issued to it.",
};

/// The token that the argument names; `-` reads it from standard input, so that it need not be an argument.
fn named(invocation: &Invocation) -> Result<String, Failure> {
    match invocation.argument(0) {
        "-" => Ok(console::standard_input()?.trim().to_owned()),
        token => Ok(token.trim().to_owned()),
    }
}

/// Refuses `-accessor` without an accessor.
fn wants_accessor(invocation: &Invocation) -> Result<bool, Failure> {
    let wants = invocation.is_set("accessor");
    if wants && invocation.arguments.is_empty() {
        return Err(Failure::local("Not enough arguments with -accessor: an accessor is needed"));
    }
    Ok(wants)
}

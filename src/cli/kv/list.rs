//! `kv list`: lists secrets.

use super::MOUNT;
use super::place::Place;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::invocation::mount_path;
use crate::cli::{Invocation, Outcome, list};

pub const COMMAND: Command = Command {
    name: "kv list",
    summary: "List the secrets below a path",
    arguments: "[PATH]",
    takes: (0, 1),
    about: "Lists the secrets below a path. A name that ends with a slash has further names below it.",
    examples: &[("List the secrets of a store:", "kv list secret")],
    flags: &[MOUNT],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let place = Place::find(invocation, &client)?;
    list::names_at(invocation, &client, &mount_path(&place.below("metadata")))
}

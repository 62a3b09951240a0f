//! `kv destroy`: takes the values of versions for good.

use super::MOUNT;
use super::place::Place;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Invocation, Outcome, write};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "kv destroy",
    summary: "Take the values of versions of a secret for good",
    arguments: "PATH",
    takes: (1, 1),
    about: "Takes the values of versions of a secret for good: nothing brings them back. Needs a store of version 2.",
    examples: &[("Destroy a version:", "kv destroy -versions=3 secret/my-app")],
    flags: &[MOUNT, Flag::list("versions", "The versions to destroy.")],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let versions = super::versions(invocation, "destroy")?;
    let client = invocation.client()?;
    let place = Place::find(invocation, &client)?;
    place.must_be_versioned("Destroy")?;
    let path = place.below("destroy");
    let answer = client.write(&path, json!({ "versions": versions }));
    write::tell(invocation, &path, answer.map_err(|failure| failure.context(format!("Error writing data to {path}")))?)
}

//! `kv undelete`: brings deleted versions of a secret back.

use super::MOUNT;
use super::place::Place;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Invocation, Outcome, write};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "kv undelete",
    summary: "Bring deleted versions of a secret back",
    arguments: "PATH",
    takes: (1, 1),
    about: "Makes deleted versions of a secret readable again. What was destroyed stays so. Needs a store of version 2.",
    examples: &[("Bring a version back:", "kv undelete -versions=3 secret/my-app")],
    flags: &[MOUNT, Flag::list("versions", "The versions to bring back.")],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let versions = super::versions(invocation, "undelete")?;
    let client = invocation.client()?;
    let place = Place::find(invocation, &client)?;
    place.must_be_versioned("Undelete")?;
    let path = place.below("undelete");
    let answer = client.write(&path, json!({ "versions": versions }));
    write::tell(invocation, &path, answer.map_err(|failure| failure.context(format!("Error writing data to {path}")))?)
}

//! `kv delete`: deletes a secret, or versions of it.

use super::MOUNT;
use super::place::Place;
use crate::cli::command::{Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Invocation, Outcome, console, output};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "kv delete",
    summary: "Delete a secret, or versions of it",
    arguments: "PATH",
    takes: (1, 1),
    about: "Deletes a secret. There need not be one: deleting nothing is a success.\n\n\
            Of a store of version 2 the current version is deleted, or those that -versions names; \"kv undelete\" brings them \
            back, \"kv destroy\" takes their values for good, and \"kv metadata delete\" takes all there is.",
    examples: &[
        ("Delete a secret:", "kv delete secret/my-app"),
        ("Delete two of its versions:", "kv delete -versions=1,2 secret/my-app"),
    ],
    flags: &[MOUNT, Flag::list("versions", "The versions to delete, of a store of version 2.")],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let place = Place::find(invocation, &client)?;
    let path = place.data();
    let answer = match (invocation.list("versions").is_empty(), place.versioned) {
        (true, _) => client.delete(&path),
        (false, true) => {
            client.write(&place.below("delete"), json!({ "versions": super::versions(invocation, "delete")? }))
        }
        // Without this the whole secret would go.
        (false, false) => {
            return Err(Failure::local("-versions needs a store of version 2, and this is one of version 1"));
        }
    };
    let answer = answer.map_err(|failure| failure.context(format!("Error deleting {path}")))?;
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Data deleted (if it existed) at: {path}"));
    Ok(Exit::SUCCESS)
}

//! `kv metadata patch`: changes some of what is set for a secret.

use super::{CAS_REQUIRED, CUSTOM_METADATA, DELETE_VERSION_AFTER, MAX_VERSIONS, MOUNT, path, settings};
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Invocation, Outcome, write};
use serde_json::{Value, json};

pub const COMMAND: Command = Command {
    name: "kv metadata patch",
    summary: "Change some of what is set for a secret",
    arguments: "PATH",
    takes: (1, 1),
    about: "Changes how the versions of a secret are kept, and single texts of -custom-metadata: the others stay as they are. \
            The secret must be there.",
    examples: &[
        ("Set one text:", "kv metadata patch -custom-metadata=owner=team-b secret/my-app"),
        ("Remove one:", "kv metadata patch -remove-custom-metadata=owner secret/my-app"),
    ],
    flags: &[
        MOUNT,
        MAX_VERSIONS,
        CAS_REQUIRED,
        DELETE_VERSION_AFTER,
        CUSTOM_METADATA,
        Flag::list("remove-custom-metadata", "The name of a text to remove. May be given more than once."),
    ],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let path = path(invocation, &client)?;
    let mut patch = settings(invocation);
    for name in invocation.list("remove-custom-metadata") {
        let custom = patch.entry("custom_metadata").or_insert_with(|| json!({}));
        custom[name] = Value::Null;
    }
    let answer = client.patch(&path, Value::Object(patch));
    write::tell(invocation, &path, answer.map_err(|failure| failure.context(format!("Error writing data to {path}")))?)
}

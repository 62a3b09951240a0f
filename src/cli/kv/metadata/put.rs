//! `kv metadata put`: sets how a secret's versions are kept, and texts of one's own.

use super::{CAS_REQUIRED, CUSTOM_METADATA, DELETE_VERSION_AFTER, MAX_VERSIONS, MOUNT, path, settings};
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::{Invocation, Outcome, write};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "kv metadata put",
    summary: "Set how versions are kept, and texts of your own",
    arguments: "PATH",
    takes: (1, 1),
    about: "Sets how the versions of a secret are kept. What is not given stays as it is; the texts of -custom-metadata take \
            the place of all that were there. There need not be a secret yet.",
    examples: &[
        ("Keep five versions of a secret:", "kv metadata put -max-versions=5 secret/my-app"),
        ("Say whose it is:", "kv metadata put -custom-metadata=owner=team-a secret/my-app"),
    ],
    flags: &[MOUNT, MAX_VERSIONS, CAS_REQUIRED, DELETE_VERSION_AFTER, CUSTOM_METADATA],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let path = path(invocation, &client)?;
    let answer = client.write(&path, Value::Object(settings(invocation)));
    write::tell(invocation, &path, answer.map_err(|failure| failure.context(format!("Error writing data to {path}")))?)
}

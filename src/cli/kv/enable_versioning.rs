//! `kv enable-versioning`: makes a store of version 1 one of version 2.

use crate::cli::command::{Command, HTTP};
use crate::cli::invocation::mount_path;
use crate::cli::{Exit, Failure, Invocation, Outcome, console, output};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "kv enable-versioning",
    summary: "Make a store of version 1 one of version 2",
    arguments: "MOUNT",
    takes: (1, 1),
    about: "Makes a key-value store of version 1 one of version 2, with all it holds: each secret becomes the first version of \
            itself. Until that is done the store refuses requests, and there is no way back.",
    examples: &[("Keep versions from now on:", "kv enable-versioning secret")],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let mount = mount_path(invocation.argument(0));
    if mount == "/" {
        return Err(Failure::local("The path of a mount must not be empty."));
    }
    let endpoint = format!("sys/mounts/{}/tune", mount.trim_end_matches('/'));
    let answer = invocation.client()?.post(&endpoint, json!({ "options": { "version": "2" } }));
    let answer = answer.map_err(|failure| failure.context(format!("Error tuning secrets engine {mount}")))?;
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Tuned the secrets engine at: {mount}"));
    Ok(Exit::SUCCESS)
}

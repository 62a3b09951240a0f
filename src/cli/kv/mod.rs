//! `kv …`: secrets of a key-value store, whatever its version. It asks the server where the mount begins and which version
//! it has; version 2 is told apart and refused, for writing to it as if it were version 1 would do the wrong thing.

pub mod delete;
pub mod get;
pub mod list;
pub mod put;

use crate::cli::command::Group;
use crate::cli::flags::Flag;
use crate::cli::invocation::{mount_path, trimmed_path};
use crate::cli::{Client, Failure, Invocation};
use serde_json::Value;

pub const GROUP: Group = Group {
    name: "kv",
    summary: "Store and read secrets of a key-value store",
    about: "Stores secrets in a key-value store, reads, lists and deletes them. The path begins with the mount's own, or the \
            mount is given apart with -mount.",
};

const MOUNT: Flag = Flag::text("mount", "The path of the mount. The path of the secret is then below it.");

/// The full path of a secret on a version 1 store.
fn path(invocation: &Invocation, client: &Client) -> Result<String, Failure> {
    let given = trimmed_path(invocation.argument(0));
    let path = match invocation.given("mount").filter(|mount| !mount.is_empty()) {
        Some(mount) => format!("{}{given}", mount_path(mount)),
        None => given.to_owned(),
    };
    if path.is_empty() {
        return Err(Failure::local("Not enough arguments: a PATH or -mount is needed"));
    }
    let answer = client.read(&format!("sys/internal/ui/mounts/{path}"));
    let answer = answer.map_err(|failure| failure.context(format!("Error finding the mount of {path}")))?;
    let options = answer.as_ref().and_then(|answer| answer.data()?.get("options"));
    match options.and_then(|options| options.get("version")).and_then(Value::as_str) {
        Some("2") => Err(Failure::local(format!(
            "{path} lies on a key-value store of version 2, which this command does not support yet. \
             Use read and write with the paths of its API."
        ))),
        _ => Ok(path),
    }
}

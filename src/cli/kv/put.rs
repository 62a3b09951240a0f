//! `kv put`: stores a secret.

use super::{MOUNT, path};
use crate::cli::command::{ANY, Command, FIELD, FORMAT, HTTP};
use crate::cli::{Failure, Invocation, Outcome, arguments, write};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "kv put",
    summary: "Store a secret",
    arguments: "PATH DATA...",
    takes: (1, ANY),
    about: "Stores a secret, taking the place of what was there: keys that are not given again are gone. Data is given as \
            for \"write\".",
    examples: &[
        ("Store a secret:", "kv put secret/my-app user=app password=horse"),
        ("Take a value from a file:", "kv put secret/my-app key=@key.pem"),
    ],
    flags: &[MOUNT],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    if invocation.arguments.len() < 2 {
        return Err(Failure::local("Must supply data"));
    }
    let data = Value::Object(arguments::data(&invocation.arguments[1..])?);
    let client = invocation.client()?;
    let path = path(invocation, &client)?;
    let answer = client.write(&path, data);
    write::tell(invocation, &path, answer.map_err(|failure| failure.context(format!("Error writing data to {path}")))?)
}

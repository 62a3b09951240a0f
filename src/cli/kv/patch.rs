//! `kv patch`: changes some keys of a secret.

use super::place::Place;
use super::{CAS, MOUNT, put};
use crate::cli::command::{ANY, Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Client, Failure, Invocation, Outcome, arguments, console};
use serde_json::{Map, Value, json};

pub const COMMAND: Command = Command {
    name: "kv patch",
    summary: "Change some keys of a secret",
    arguments: "PATH [DATA...]",
    takes: (1, ANY),
    about: "Makes a new version of a secret from the current one: keys that are given take the place of those that are there, \
            the others stay. Data is given as for \"write\". Needs a store of version 2.\n\n\
            The server does this by itself where the token has the capability \"patch\"; where it has not, the secret is read, \
            changed and written back, if nobody else wrote in between.",
    examples: &[
        ("Change one key:", "kv patch secret/my-app password=donkey"),
        ("Remove one:", "kv patch -remove-data=user secret/my-app"),
    ],
    flags: &[
        MOUNT,
        CAS,
        Flag::text(
            "method",
            "How: \"patch\" has the server do it, \"rw\" reads and writes back. Without it the first is tried before the second.",
        ),
        Flag::list("remove-data", "A key to remove. May be given more than once."),
    ],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let patch = patch(invocation)?;
    let method = invocation.given("method").unwrap_or_default();
    if !matches!(method, "" | "patch" | "rw") {
        return Err(Failure::local(format!("Unsupported method {method:?}: -method takes \"patch\" or \"rw\"")));
    }
    let client = invocation.client()?;
    let place = Place::find(invocation, &client)?;
    if !place.versioned {
        return Err(Failure::refused("K/V engine mount must be version 2 for patch support"));
    }
    let path = place.data();
    if method == "rw" {
        return put::tell(invocation, &path, read_and_write(invocation, &client, &path, &patch)?);
    }
    let body = put::body(Value::Object(patch.clone()), put::cas(invocation));
    match client.patch(&path, body) {
        Err(failure) if method.is_empty() && matches!(failure.status, Some(403 | 405)) => {
            let answer = read_and_write(invocation, &client, &path, &patch)?;
            console::complain(format!(
                "Data was written to {path}, but the token has not the capability \"patch\" there: with it the server would \
                 change the secret by itself."
            ));
            put::tell(invocation, &path, answer)
        }
        outcome => {
            let answer = outcome.map_err(|failure| failure.context(format!("Error writing data to {path}")))?;
            put::tell(invocation, &path, answer)
        }
    }
}

/// What is to change, as a merge patch.
fn patch(invocation: &Invocation) -> Result<Map<String, Value>, Failure> {
    let mut patch = arguments::data(&invocation.arguments[1..])?;
    patch.extend(invocation.list("remove-data").iter().map(|key| (key.clone(), Value::Null)));
    if patch.is_empty() { Err(Failure::local("Must supply data")) } else { Ok(patch) }
}

/// Reads the secret, changes it here and writes it back as the version after the one that was read.
fn read_and_write(
    invocation: &Invocation,
    client: &Client,
    path: &str,
    patch: &Map<String, Value>,
) -> Result<Option<Answer>, Failure> {
    let (mut data, version) = current(client, path)?;
    for (key, value) in patch {
        match value {
            Value::Null => drop(data.shift_remove(key)),
            value => drop(data.insert(key.clone(), value.clone())),
        }
    }
    let options = match put::cas(invocation) {
        options if options == json!({}) => json!({ "cas": version }),
        options => options,
    };
    let answer = client.write(path, put::body(Value::Object(data), options));
    answer.map_err(|failure| failure.context(format!("Error writing data to {path}")))
}

/// The current value of a secret and its version.
fn current(client: &Client, path: &str) -> Result<(Map<String, Value>, Value), Failure> {
    let answer = client.read(path).map_err(|failure| failure.context(format!("Error doing pre-read at {path}")))?;
    let read = answer.as_ref().and_then(Answer::data);
    let read = read.ok_or_else(|| Failure::refused(format!("No value found at {path}")))?;
    let version = read.get("metadata").and_then(|metadata| metadata.get("version"));
    match (read.get("data").and_then(Value::as_object), version) {
        (Some(data), Some(version)) => Ok((data.clone(), version.clone())),
        _ => Err(Failure::refused(format!("No data found at {path}; patch only works on existing data"))),
    }
}

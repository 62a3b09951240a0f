//! `kv rollback`: makes an earlier version of a secret the current one.

use super::place::Place;
use super::{MOUNT, put};
use crate::cli::client::Call;
use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Client, Failure, Invocation, Outcome, write};
use serde_json::{Map, Value, json};

pub const COMMAND: Command = Command {
    name: "kv rollback",
    summary: "Make an earlier version of a secret the current one",
    arguments: "PATH",
    takes: (1, 1),
    about: "Makes a new version of a secret with the value of an earlier one, if nobody else writes in between. Needs a store \
            of version 2.",
    examples: &[("Go back to the second version:", "kv rollback -version=2 secret/my-app")],
    flags: &[MOUNT, Flag::number("version", "The version whose value is wanted again.")],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let wanted = invocation.given("version").ok_or_else(|| Failure::local("Version flag must be specified"))?;
    if wanted.parse::<u64>().unwrap_or(0) == 0 {
        return Err(Failure::local(format!("{wanted:?} is not the number of a version")));
    }
    let client = invocation.client()?;
    let place = Place::find(invocation, &client)?;
    if !place.versioned {
        return Err(Failure::refused("K/V engine mount must be version 2 for rollback support"));
    }
    let path = place.data();
    let current = metadata(&version(&client, &path, None)?, &path)?.get("version").cloned();
    let earlier = version(&client, &path, Some(wanted))?;
    let known = metadata(&earlier, &path)?;
    if known.get("destroyed") == Some(&Value::Bool(true)) {
        return Err(Failure::refused("Cannot roll back to a version that has been destroyed"));
    }
    let value = earlier.data().and_then(|data| data.get("data")).filter(|value| value.is_object());
    let value = value.ok_or_else(|| Failure::refused("Cannot roll back to a version that has been deleted"))?;
    let answer = client.write(&path, put::body(value.clone(), json!({ "cas": current })));
    write::tell(invocation, &path, answer.map_err(|failure| failure.context(format!("Error writing data to {path}")))?)
}

fn version(client: &Client, path: &str, number: Option<&str>) -> Result<Answer, Failure> {
    let query = number.map(|number| ("version".to_owned(), number.to_owned()));
    let answer = client.ask(&Call::new("GET", path).with_query(query));
    let answer = answer.map_err(|failure| failure.context(format!("Error doing pre-read at {path}")))?;
    answer.filter(|answer| answer.data().is_some()).ok_or_else(|| Failure::refused(format!("No value found at {path}")))
}

fn metadata<'a>(answer: &'a Answer, path: &str) -> Result<&'a Map<String, Value>, Failure> {
    let metadata = answer.data().and_then(|data| data.get("metadata")?.as_object());
    metadata
        .ok_or_else(|| Failure::refused(format!("No metadata found at {path}; rollback only works on existing data")))
}

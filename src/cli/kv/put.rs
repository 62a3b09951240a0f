//! `kv put`: stores a secret.

use super::place::Place;
use super::{CAS, MOUNT, sections};
use crate::cli::command::{ANY, Command, FIELD, FORMAT, HTTP};
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, arguments, output, write};
use serde_json::{Map, Value, json};

pub const COMMAND: Command = Command {
    name: "kv put",
    summary: "Store a secret",
    arguments: "PATH DATA...",
    takes: (1, ANY),
    about: "Stores a secret, taking the place of what was there: keys that are not given again are gone, though a store of \
            version 2 keeps the earlier version. Data is given as for \"write\".",
    examples: &[
        ("Store a secret:", "kv put secret/my-app user=app password=horse"),
        ("Take a value from a file:", "kv put secret/my-app key=@key.pem"),
        ("Store it only if nobody else has since version 3:", "kv put -cas=3 secret/my-app password=donkey"),
    ],
    flags: &[MOUNT, CAS],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    if invocation.arguments.len() < 2 {
        return Err(Failure::local("Must supply data"));
    }
    let data = Value::Object(arguments::data(&invocation.arguments[1..])?);
    let client = invocation.client()?;
    let place = Place::find(invocation, &client)?;
    let path = place.data();
    let body = match (place.versioned, cas(invocation)) {
        (true, cas) => body(data, cas),
        (false, options) if options == json!({}) => data,
        (false, _) => return Err(Failure::local("-cas needs a store of version 2, and this is one of version 1")),
    };
    let answer = client.write(&path, body);
    let answer = answer.map_err(|failure| failure.context(format!("Error writing data to {path}")))?;
    if place.versioned { tell(invocation, &path, answer) } else { write::tell(invocation, &path, answer) }
}

/// What makes a version. The value is moved into it, and wiped with it.
pub fn body(data: Value, options: Value) -> Value {
    Value::Object(Map::from_iter([("data".to_owned(), data), ("options".to_owned(), options)]))
}

/// The options that say which version is expected.
pub fn cas(invocation: &Invocation) -> Value {
    match invocation.number("cas").filter(|version| *version >= 0) {
        Some(version) => json!({ "cas": version }),
        None => json!({}),
    }
}

/// Prints what making a version led to.
pub fn tell(invocation: &Invocation, path: &str, answer: Option<Answer>) -> Outcome {
    let metadata = answer.as_ref().and_then(Answer::data);
    match (&answer, metadata) {
        (Some(answer), Some(metadata)) if invocation.field().is_none() && invocation.format()? == Format::Table => {
            output::warnings(answer);
            sections::written(path, metadata);
            Ok(Exit::SUCCESS)
        }
        _ => write::tell(invocation, path, answer),
    }
}

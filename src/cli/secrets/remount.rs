//! `secrets move`: moves a secrets engine to another path. (The file bears the name of its endpoint: `move` is a word of the
//! language.)

use super::checked;
use crate::cli::command::{Command, HTTP};
use crate::cli::{Client, Exit, Failure, Invocation, Outcome, console};
use serde_json::{Value, json};
use std::time::Duration;

const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

pub const COMMAND: Command = Command {
    name: "secrets move",
    summary: "Move a secrets engine to another path",
    arguments: "SOURCE DESTINATION",
    takes: (2, 2),
    about: "Moves the secrets engine at one path to another, with all its data and settings, and waits until that is done. \
            Its leases live on; policies that name the old path do not follow.",
    examples: &[("Move the engine at aws/ to cloud/:", "secrets move aws/ cloud/")],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let (source, destination) = (checked(invocation.argument(0))?, checked(invocation.argument(1))?);
    let failed = |failure: Failure| failure.context(format!("Error moving secrets engine {source} to {destination}"));
    let client = invocation.client()?;
    let answer = client.post("sys/remount", json!({"from": source, "to": destination})).map_err(failed)?;
    let id = answer.as_ref().and_then(|answer| answer.data_or_body()?.get("migration_id")?.as_str());
    let Some(id) = id else {
        return Err(failed(Failure::refused("the server answered without a migration ID")));
    };
    console::line(format!("Started moving secrets engine {source} to {destination}, with migration ID {id}"));
    loop {
        match status(&client, id).map_err(failed)?.as_str() {
            "success" => break,
            "failure" => {
                return Err(Failure::refused(format!(
                    "Failure! Error encountered moving secrets engine {source} to {destination}, with migration ID {id}"
                )));
            }
            _ => std::thread::sleep(BETWEEN_LOOKS),
        }
    }
    console::line(format!("Success! Finished moving secrets engine {source} to {destination}, with migration ID {id}"));
    Ok(Exit::SUCCESS)
}

fn status(client: &Client, id: &str) -> Result<String, Failure> {
    let answer = client.read(&format!("sys/remount/status/{id}"))?;
    let status = answer.as_ref().and_then(|answer| answer.data()?.get("migration_info")?.get("status"));
    match status.and_then(Value::as_str) {
        Some(status) => Ok(status.to_owned()),
        None => Err(Failure::refused(format!("the server knows no migration {id}"))),
    }
}

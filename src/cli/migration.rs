//! Moving a mount to another path: asked of the server once, and then waited for.

use crate::cli::{Client, Exit, Failure, Invocation, Outcome, console};
use serde_json::{Value, json};
use std::time::Duration;

const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// Moves a mount and tells how it went; `what` is what it is called: `secrets engine`.
pub fn run(invocation: &Invocation, what: &str, source: &str, destination: &str) -> Outcome {
    let failed = |failure: Failure| failure.context(format!("Error moving {what} {source} to {destination}"));
    let client = invocation.client()?;
    let answer = client.post("sys/remount", json!({"from": source, "to": destination})).map_err(failed)?;
    let id = answer.as_ref().and_then(|answer| answer.data_or_body()?.get("migration_id")?.as_str());
    let Some(id) = id else {
        return Err(failed(Failure::refused("the server answered without a migration ID")));
    };
    console::line(format!("Started moving {what} {source} to {destination}, with migration ID {id}"));
    loop {
        match status(&client, id).map_err(failed)?.as_str() {
            "success" => break,
            "failure" => {
                return Err(Failure::refused(format!(
                    "Failure! Error encountered moving {what} {source} to {destination}, with migration ID {id}"
                )));
            }
            _ => std::thread::sleep(BETWEEN_LOOKS),
        }
    }
    console::line(format!("Success! Finished moving {what} {source} to {destination}, with migration ID {id}"));
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

//! `operator adopt`: takes a restored or copied storage for the one.

use crate::cli::command::{Command, HTTP};
use crate::cli::{Exit, Invocation, Outcome, console};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "operator adopt",
    summary: "Take a restored storage for the one",
    arguments: "",
    takes: (0, 0),
    about: "Tells a server that notices that its storage was restored, copied or put back that it is the one from now on: what \
            was held is ended outside, and scheduled work goes on. Do it when no other server uses the same targets; \"status\" \
            says whether anything is held. Needs sudo on sys/storage/adopt.",
    examples: &[("Adopt the storage:", "operator adopt")],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let adopted = invocation.client()?.write("sys/storage/adopt", json!({}));
    let adopted = adopted.map_err(|failure| failure.context("Error adopting the storage"))?;
    if adopted.is_some_and(|answer| !answer.warnings().is_empty()) {
        console::line("Nothing was held: this storage is the one that was here.");
        return Ok(Exit::SUCCESS);
    }
    console::line("Success! The storage is adopted; what was held is being ended.");
    Ok(Exit::SUCCESS)
}

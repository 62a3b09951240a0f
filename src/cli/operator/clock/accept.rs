//! `operator clock accept`: takes the machine's clock for right.

use crate::cli::command::{Command, HTTP};
use crate::cli::{Exit, Invocation, Outcome, console};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "operator clock accept",
    summary: "Take the machine's clock for right",
    arguments: "",
    takes: (0, 0),
    about: "Tells the server that the machine's clock is right although it looked wrong when the server was unsealed: after more \
            than 400 days off, or with a program newer than the machine. All that has ended by that clock is then revoked. \
            Where the clock is wrong, set it instead. Needs sudo on sys/clock/accept.",
    examples: &[("Accept the clock:", "operator clock accept")],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let accepted = invocation.client()?.write("sys/clock/accept", json!({}));
    accepted.map_err(|failure| failure.context("Error accepting the clock"))?;
    console::line("Success! The clock is accepted; what has ended by it is being revoked.");
    Ok(Exit::SUCCESS)
}

//! `operator step-down`: another node takes over.

use crate::cli::command::{Command, HTTP};
use crate::cli::{Exit, Invocation, Outcome, console};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "operator step-down",
    summary: "Let another node lead, where there are several",
    arguments: "",
    takes: (0, 0),
    about: "Asks the node that leads a cluster to stop leading. A server that is alone has nobody to hand over to, and nothing \
            changes. Needs sudo on sys/step-down.",
    examples: &[("Let another node lead:", "operator step-down")],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    client.write("sys/step-down", json!({})).map_err(|failure| failure.context("Error stepping down"))?;
    console::line(format!("Success! Stepped down: {}", client.address()));
    Ok(Exit::SUCCESS)
}

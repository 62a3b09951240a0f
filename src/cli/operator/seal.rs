//! `operator seal`: seals the server.

use crate::cli::command::{Command, HTTP};
use crate::cli::{Exit, Invocation, Outcome, console};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "operator seal",
    summary: "Seal the server",
    arguments: "",
    takes: (0, 0),
    about: "Seals the server: it forgets its keys and answers nothing but its status until enough unseal keys have been \
            entered again. Meant for emergencies; leases that end meanwhile are revoked once it is unsealed. Needs sudo \
            on sys/seal.",
    examples: &[("Seal the server:", "operator seal")],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    invocation.client()?.write("sys/seal", json!({})).map_err(|failure| failure.context("Error sealing"))?;
    console::line("Success! Vault is sealed.");
    Ok(Exit::SUCCESS)
}

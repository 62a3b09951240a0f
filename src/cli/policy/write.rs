//! `policy write`: stores a policy.

use super::endpoint;
use crate::cli::command::{Command, HTTP};
use crate::cli::{Exit, Failure, Invocation, Outcome, console, output};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "policy write",
    summary: "Store a policy from a file",
    arguments: "NAME PATH",
    takes: (2, 2),
    about: "Stores a policy, taking its text from a file, or from standard input if the file is -. It takes the place of \
            the policy of that name, and holds at once for every token that carries it.",
    examples: &[
        ("Store a file as the policy \"support\":", "policy write support support.hcl"),
        ("Store what another program prints:", "policy write support - < support.hcl"),
    ],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let name = invocation.argument(0).trim().to_lowercase();
    let text = match invocation.argument(1) {
        "-" => console::standard_input()?.to_string(),
        file => std::fs::read_to_string(file)
            .map_err(|error| Failure::local(format!("Error opening policy file {file}: {error}")))?,
    };
    let answer = invocation.client()?.write(&endpoint(&name), json!({"policy": text}));
    let answer = answer.map_err(|failure| failure.context("Error uploading policy"))?;
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Uploaded policy: {name}"));
    Ok(Exit::SUCCESS)
}

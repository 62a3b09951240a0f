//! `operator unseal`: enters one unseal key.

use crate::base::Secret;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Invocation, Outcome, console, status};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "operator unseal",
    summary: "Enter an unseal key",
    arguments: "[KEY]",
    takes: (0, 1),
    about: "Enters one unseal key and prints how far unsealing has come. The keys may be entered by different people from \
            different machines. Without an argument it asks for the key without showing it, which also keeps it out of \
            the shell's history; - takes it from standard input.",
    examples: &[
        ("Enter a key that is asked for:", "operator unseal"),
        ("Forget the keys entered so far:", "operator unseal -reset"),
    ],
    flags: &[
        Flag::bool("reset", "Forget the keys that were entered so far."),
        Flag::bool(
            "migrate",
            "Move to the seal that the server is configured with; the keys are those of the seal it leaves.",
        ),
    ],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let mut body =
        if invocation.is_set("reset") { json!({"reset": true}) } else { json!({"key": key(invocation)?.expose()}) };
    if invocation.is_set("migrate") {
        body["migrate"] = true.into();
    }
    let client = invocation.client()?;
    let answer = client.write("sys/unseal", body).map_err(|failure| failure.context("Error unsealing"))?;
    let answer = answer.ok_or_else(|| Failure::refused("Error unsealing: the server answered without a status"))?;
    status::print(invocation, &client, &answer)?;
    Ok(Exit::SUCCESS)
}

fn key(invocation: &Invocation) -> Result<Secret<String>, Failure> {
    let key = match invocation.argument(0) {
        "" if invocation.is_set("non-interactive") => {
            return Err(Failure::local("No key given, and asking is forbidden."));
        }
        "" => console::ask_secret("Unseal Key (will be hidden): ")?,
        "-" => Secret::from(console::standard_input()?.trim()),
        key => Secret::from(key.trim()),
    };
    if key.is_empty() { Err(Failure::local("No key was entered.")) } else { Ok(key) }
}

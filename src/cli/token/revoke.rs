//! `token revoke`: ends a token and everything below it.

use super::{named, wants_accessor};
use crate::cli::command::{Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Invocation, Outcome, console, output};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "token revoke",
    summary: "End a token and all below it",
    arguments: "[TOKEN | ACCESSOR]",
    takes: (0, 1),
    about: "Ends a token. Its children end with it, in that instant, and so does every credential that was issued to any of \
            them. With -mode=orphan the children live on without a parent; with -mode=path every token made below a path \
            ends.",
    examples: &[
        ("End a token by its accessor:", "token revoke -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da"),
        ("End the token in use:", "token revoke -self"),
    ],
    flags: &[
        Flag::bool("accessor", "The argument is an accessor."),
        Flag::bool("self", "End the token in use."),
        Flag::text("mode", "orphan: the children live on. path: the argument is a path of an auth method."),
    ],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let (own, accessor) = (invocation.is_set("self"), wants_accessor(invocation)?);
    let mode = invocation.given("mode").unwrap_or_default();
    if !matches!(mode, "" | "orphan" | "path") {
        return Err(Failure::local(format!("Invalid mode: {mode}. Choose orphan or path.")));
    }
    match (own, invocation.arguments.is_empty()) {
        (false, true) => {
            return Err(Failure::local("Not enough arguments (expected 1, got 0): give a TOKEN, or -self"));
        }
        (true, false) => return Err(Failure::local("Too many arguments with -self: it means the token in use")),
        _ => {}
    }
    if !mode.is_empty() && (own || accessor) {
        return Err(Failure::local("Cannot use -mode together with -self or -accessor"));
    }
    let client = invocation.client()?;
    let answer = match mode {
        _ if own => client.write("auth/token/revoke-self", json!({})),
        _ if accessor => client.write("auth/token/revoke-accessor", json!({"accessor": named(invocation)?})),
        "orphan" => client.write("auth/token/revoke-orphan", json!({"token": named(invocation)?})),
        "path" => client.write(&format!("sys/leases/revoke-prefix/{}", named(invocation)?), json!({})),
        _ => client.write("auth/token/revoke", json!({"token": named(invocation)?})),
    };
    let answer = answer.map_err(|failure| failure.context("Error revoking token"))?;
    answer.iter().for_each(output::warnings);
    console::line("Success! Revoked token (if it existed)");
    Ok(Exit::SUCCESS)
}

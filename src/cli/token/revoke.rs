//! `token revoke`: ends a token and everything below it.

use super::{named, wants_accessor};
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Invocation, Outcome, console, dry_run, output};
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
        ("What would end with a token?", "token revoke -dry-run -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da"),
    ],
    flags: &[
        Flag::bool("accessor", "The argument is an accessor."),
        Flag::bool("self", "End the token in use."),
        Flag::text("mode", "orphan: the children live on. path: the argument is a path of an auth method."),
        dry_run::FLAG,
    ],
    shares: &[&HTTP, &FORMAT],
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
    let (path, mut body) = match mode {
        _ if own => ("auth/token/revoke-self".to_owned(), json!({})),
        _ if accessor => ("auth/token/revoke-accessor".to_owned(), json!({"accessor": named(invocation)?})),
        "orphan" => ("auth/token/revoke-orphan".to_owned(), json!({"token": named(invocation)?})),
        "path" => (format!("sys/leases/revoke-prefix/{}", named(invocation)?), json!({})),
        _ => ("auth/token/revoke".to_owned(), json!({"token": named(invocation)?})),
    };
    let (client, dry_run) = (invocation.client()?, invocation.is_set("dry-run"));
    if dry_run {
        dry_run::check(&client)?;
        body["dry_run"] = true.into();
    }
    let answer = client.write(&path, body).map_err(|failure| failure.context("Error revoking token"))?;
    if dry_run {
        return dry_run::show(invocation, answer);
    }
    answer.iter().for_each(output::warnings);
    console::line("Success! Revoked token (if it existed)");
    Ok(Exit::SUCCESS)
}

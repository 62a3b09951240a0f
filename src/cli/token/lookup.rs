//! `token lookup`: what a token is and may do.

use super::{named, wants_accessor};
use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Failure, Invocation, Outcome, output};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "token lookup",
    summary: "Tell what a token is and when it ends",
    arguments: "[TOKEN | ACCESSOR]",
    takes: (0, 1),
    about: "Tells a token's policies, its origin and when it ends; without an argument, those of the token in use.",
    examples: &[
        ("Look at the token in use:", "token lookup"),
        ("Look at a token by its accessor:", "token lookup -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da"),
    ],
    flags: &[Flag::bool("accessor", "The argument is an accessor. The token itself is not told.")],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let answer = if wants_accessor(invocation)? {
        client.post("auth/token/lookup-accessor", json!({"accessor": named(invocation)?}))
    } else if invocation.arguments.is_empty() {
        client.read("auth/token/lookup-self")
    } else {
        client.post("auth/token/lookup", json!({"token": named(invocation)?}))
    };
    let answer = answer.map_err(|failure| failure.context("Error looking up token"))?;
    output::answer(invocation, &answer.ok_or_else(|| Failure::refused("Error looking up token: there is none"))?)
}

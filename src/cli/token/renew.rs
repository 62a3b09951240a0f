//! `token renew`: makes a token live longer.

use super::{named, wants_accessor};
use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Invocation, Outcome, output};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "token renew",
    summary: "Make a token live longer",
    arguments: "[TOKEN | ACCESSOR]",
    takes: (0, 1),
    about: "Makes a renewable token end later, counted from now, never beyond its maximum; without an argument, the token in \
            use.",
    examples: &[("Renew the token in use:", "token renew"), ("Ask for a day:", "token renew -increment=24h")],
    flags: &[
        Flag::bool("accessor", "The argument is an accessor."),
        Flag::duration("increment", "How long it shall live from now. The server may grant less.").alias("i"),
    ],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let increment = invocation.duration("increment").map_or(0, |increment| increment.as_secs());
    let client = invocation.client()?;
    let answer = if wants_accessor(invocation)? {
        client.write("auth/token/renew-accessor", json!({"accessor": named(invocation)?, "increment": increment}))
    } else if invocation.arguments.is_empty() {
        client.write("auth/token/renew-self", json!({"increment": increment}))
    } else {
        client.write("auth/token/renew", json!({"token": named(invocation)?, "increment": increment}))
    };
    match answer.map_err(|failure| failure.context("Error renewing token"))? {
        Some(answer) => output::answer(invocation, &answer),
        None => Ok(Exit::SUCCESS),
    }
}

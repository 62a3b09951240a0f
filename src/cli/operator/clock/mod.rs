//! `operator clock`: the time that the server goes by, and whether it believes the machine's clock.

pub mod accept;

use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::{Failure, Invocation, Outcome, output};

pub const COMMAND: Command = Command {
    name: "operator clock",
    summary: "Tell whether the server believes the machine's clock",
    arguments: "",
    takes: (0, 0),
    about: "Shows the time that the server goes by, and whether it believes the machine's clock.\n\nA server that starts while \
            the clock shows an impossible time (before the program was built, or more than 400 days after the last time on \
            record) revokes nothing because its time has come until the clock is set right, or accepted as it is with \
            \"operator clock accept\".",
    examples: &[("Look at the clock:", "operator clock")],
    flags: &[],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let answer = invocation.client()?.read("sys/clock");
    let answer = answer.map_err(|failure| failure.context("Error reading the clock"))?;
    output::answer(invocation, &answer.ok_or_else(|| Failure::local("no answer"))?)
}

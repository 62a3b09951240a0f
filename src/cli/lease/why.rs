//! `lease why`: what a lease is doing, in sentences.

use super::names::{TOKEN, named};
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "lease why",
    summary: "Tell why a lease lives, or does not",
    arguments: "LEASE_ID | TOKEN | ACCESSOR",
    takes: (1, 1),
    about: "Tells until when a lease or token lives and what would end it before; or why it is dead, how often its credential \
            was tried to be ended, why that failed, and when it is tried next.",
    examples: &[("What about this lease?", "lease why aws/creds/support/3nN8CvW2Qe0JvGsmZ1Xb")],
    flags: &[TOKEN],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let answer = invocation.client()?.write("sys/leases/why", named(invocation)?);
    let answer = answer.map_err(|failure| failure.context("Error asking about the lease"))?;
    let answer = answer.ok_or_else(|| Failure::refused("There is no such lease or token"))?;
    match invocation.format()? {
        Format::Table => {
            output::warnings(&answer);
            tell(&answer);
            Ok(Exit::SUCCESS)
        }
        Format::Json | Format::Yaml => output::answer(invocation, &answer),
    }
}

fn tell(answer: &Answer) {
    let texts = |name: &str| -> Vec<&str> {
        let list = answer.data().and_then(|data| data.get(name)).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    };
    texts("why").into_iter().for_each(console::line);
    let ends = texts("would_end");
    if !ends.is_empty() {
        console::line("\nAny of these would end it:");
        ends.into_iter().for_each(|command| console::line(format!("    {command}")));
    }
}

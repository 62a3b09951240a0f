//! `policy read`: the text of one policy.

use super::endpoint;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Value, json};

pub const COMMAND: Command = Command {
    name: "policy read",
    summary: "Print a policy",
    arguments: "NAME",
    takes: (1, 1),
    about: "Prints a policy exactly as it was written.",
    examples: &[("Print the policy \"support\":", "policy read support")],
    flags: &[],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let name = invocation.argument(0).trim().to_lowercase();
    let answer = invocation.client()?.read(&endpoint(&name));
    let answer = answer.map_err(|failure| failure.context(format!("Error reading policy named {name}")))?;
    let policy = answer.as_ref().and_then(|answer| answer.data()?.get("policy")?.as_str());
    let policy = policy.ok_or_else(|| Failure::refused(format!("No policy named: {name}")))?;
    match invocation.format()? {
        Format::Table => console::line(policy.trim()),
        format => output::structured(&json!({"policy": Value::from(policy)}), format),
    }
    Ok(Exit::SUCCESS)
}

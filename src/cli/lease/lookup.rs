//! `lease lookup`: when a lease was made and when it ends.

use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::{Failure, Invocation, Outcome, output};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "lease lookup",
    summary: "Tell when a lease ends",
    arguments: "LEASE_ID",
    takes: (1, 1),
    about: "Tells when a lease was made, when it ends, and whether it can be renewed.",
    examples: &[("Look a lease up:", "lease lookup aws/creds/support/3nN8CvW2Qe0JvGsmZ1Xb")],
    flags: &[],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let id = invocation.argument(0).trim();
    let answer = invocation.client()?.write("sys/leases/lookup", json!({"lease_id": id}));
    let answer = answer.map_err(|failure| failure.context(format!("Error looking up lease id {id}")))?;
    let answer = answer.ok_or_else(|| Failure::refused(format!("No lease found with id {id}")))?;
    output::answer(invocation, &answer)
}

//! `lease renew`: makes a lease last longer.

use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Invocation, Outcome, output};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "lease renew",
    summary: "Make a lease last longer",
    arguments: "LEASE_ID",
    takes: (1, 1),
    about: "Makes a lease end later, counted from now, never beyond its maximum, which counts from when it was made. The \
            answer says how long it lasts now; a warning tells when that is less than was asked for.",
    examples: &[
        ("Renew a lease by its usual time:", "lease renew aws/creds/support/3nN8CvW2Qe0JvGsmZ1Xb"),
        ("Ask for half an hour:", "lease renew -increment=30m aws/creds/support/3nN8CvW2Qe0JvGsmZ1Xb"),
    ],
    flags: &[Flag::duration("increment", "How long it shall last from now. The server may grant less.").alias("i")],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let id = invocation.argument(0).trim();
    let increment = invocation.duration("increment").map_or(0, |increment| increment.as_secs());
    let answer = invocation.client()?.write("sys/leases/renew", json!({"lease_id": id, "increment": increment}));
    match answer.map_err(|failure| failure.context(format!("Error renewing {id}")))? {
        Some(answer) => output::answer(invocation, &answer),
        None => Ok(Exit::SUCCESS),
    }
}

//! `read`: reads a path.

use crate::cli::client::Call;
use crate::cli::command::{ANY, Command, FIELD, FORMAT, HTTP};
use crate::cli::invocation::trimmed_path;
use crate::cli::{Failure, Invocation, Outcome, arguments, output};

pub const COMMAND: Command = Command {
    name: "read",
    summary: "Read data, or have credentials made",
    arguments: "PATH [KEY=VALUE...]",
    takes: (1, ANY),
    about: "Reads from a path and prints what the server answers. Some paths hold stored data, others make something new \
            with every read, such as credentials under a lease.\n\n\
            Further arguments are sent along as parameters of the query.",
    examples: &[
        ("Read a stored secret:", "read secret/my-app"),
        ("Have credentials made, and print one field of them:", "read -field=access_key aws/creds/support"),
    ],
    flags: &[],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = trimmed_path(invocation.argument(0));
    let query = arguments::texts(&invocation.arguments[1..])?;
    let call = Call::new("GET", path).with_query(query);
    let answer = invocation.client()?.ask(&call).map_err(|failure| failure.context(format!("Error reading {path}")))?;
    match answer {
        Some(answer) => output::answer(invocation, &answer),
        None => Err(Failure::refused(format!("No value found at {path}"))),
    }
}

//! `auth disable`: unmounts an auth method.

use super::checked;
use crate::cli::client::Call;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::{Exit, Invocation, Outcome, console, dry_run, output};

pub const COMMAND: Command = Command {
    name: "auth disable",
    summary: "Unmount an auth method and end all its tokens",
    arguments: "PATH",
    takes: (1, 1),
    about: "Unmounts the auth method at a path below auth/. Every token that it gave ends at once, with all below it: whoever \
            signed in by it is out. It is a success, too, when nothing is mounted there. Needs sudo on sys/auth.",
    examples: &[
        ("Unmount the method at auth/staff/:", "auth disable staff/"),
        ("What would end with it?", "auth disable -dry-run staff/"),
    ],
    flags: &[dry_run::FLAG],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = checked(invocation.argument(0))?;
    let (client, dry_run) = (invocation.client()?, invocation.is_set("dry-run"));
    let mut call = Call::new("DELETE", format!("sys/auth/{}", path.trim_end_matches('/')));
    if dry_run {
        dry_run::check(&client)?;
        call = call.with_query([("dry_run".to_owned(), "true".to_owned())]);
    }
    let answer = client.change(&call);
    let answer = answer.map_err(|failure| failure.context(format!("Error disabling auth method at {path}")))?;
    if dry_run {
        return dry_run::show(invocation, answer);
    }
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Disabled the auth method (if it existed) at: {path}"));
    Ok(Exit::SUCCESS)
}

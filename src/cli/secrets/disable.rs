//! `secrets disable`: unmounts a secrets engine.

use super::checked;
use crate::cli::client::Call;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::{Exit, Invocation, Outcome, console, dry_run, output};

pub const COMMAND: Command = Command {
    name: "secrets disable",
    summary: "Unmount a secrets engine and revoke all it issued",
    arguments: "PATH",
    takes: (1, 1),
    about: "Unmounts the secrets engine at a path. All its leases end, all it stored is removed; both goes on in the \
            background, and \"secrets list -detailed\" shows what is left to do. The path is free at once. It is a \
            success, too, when nothing is mounted there.",
    examples: &[
        ("Unmount the engine at cloud/:", "secrets disable cloud/"),
        ("What would end with it?", "secrets disable -dry-run cloud/"),
    ],
    flags: &[dry_run::FLAG],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = checked(invocation.argument(0))?;
    let (client, dry_run) = (invocation.client()?, invocation.is_set("dry-run"));
    let mut call = Call::new("DELETE", format!("sys/mounts/{}", path.trim_end_matches('/')));
    if dry_run {
        dry_run::check(&client)?;
        call = call.with_query([("dry_run".to_owned(), "true".to_owned())]);
    }
    let answer = client.change(&call);
    let answer = answer.map_err(|failure| failure.context(format!("Error disabling secrets engine at {path}")))?;
    if dry_run {
        return dry_run::show(invocation, answer);
    }
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Disabled the secrets engine (if it existed) at: {path}"));
    Ok(Exit::SUCCESS)
}

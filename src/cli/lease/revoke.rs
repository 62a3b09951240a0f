//! `lease revoke`: ends leases.

use crate::cli::command::{Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Invocation, Outcome, console, output};
use serde_json::json;

pub const COMMAND: Command = Command {
    name: "lease revoke",
    summary: "End leases and what they cover",
    arguments: "ID",
    takes: (1, 1),
    about: "Ends a lease: what was issued with it stops working. With -prefix it ends every lease below a path. The server \
            does the work in the background; -sync waits until it is done.\n\n\
            With -force leases are dropped even when what they cover cannot be removed, because its target is gone for \
            good. What was issued may then live on, and nobody knows of it.",
    examples: &[
        ("End one lease:", "lease revoke aws/creds/support/3nN8CvW2Qe0JvGsmZ1Xb"),
        ("End every lease of a role, and wait for it:", "lease revoke -sync -prefix aws/creds/support"),
        ("Drop leases whose target is gone:", "lease revoke -force -prefix aws/creds"),
    ],
    flags: &[
        Flag::bool("prefix", "The argument is a path; every lease below it is meant. Needs sudo.").alias("p"),
        Flag::bool("force", "Drop the leases even when revoking fails. Needs -prefix and sudo.").alias("f"),
        Flag::bool("sync", "Wait until the leases are revoked."),
    ],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let id = invocation.argument(0).trim().trim_start_matches('/');
    let (force, prefix, sync) = (invocation.is_set("force"), invocation.is_set("prefix"), invocation.is_set("sync"));
    if force && !prefix {
        return Err(Failure::local("Specifying -force requires also specifying -prefix"));
    }
    let (path, body, failed, done) = match (force, prefix) {
        (true, _) => {
            console::complain(
                "Warning! What the dropped leases cover may live on outside, and nobody will know of it.",
            );
            let done = format!("Success! Force revoked any leases with prefix: {id}");
            (format!("sys/leases/revoke-force/{id}"), json!({}), "force revoking leases with prefix", done)
        }
        (false, true) => {
            let done = format!("Success! Revoked any leases with prefix: {id}");
            (format!("sys/leases/revoke-prefix/{id}"), json!({"sync": sync}), "revoking leases with prefix", done)
        }
        (false, false) => {
            let body = json!({"lease_id": id, "sync": sync});
            ("sys/leases/revoke".to_owned(), body, "revoking lease", format!("Success! Revoked lease: {id}"))
        }
    };
    let answer = invocation.client()?.write(&path, body);
    let answer = answer.map_err(|failure| failure.context(format!("Error {failed} {id}")))?;
    // Without -sync the server warns that the work goes on; the line below says so already.
    answer.iter().filter(|_| sync || force).for_each(output::warnings);
    let queued = "All revocation operations queued successfully!".to_owned();
    console::line(if sync || force { done } else { queued });
    Ok(Exit::SUCCESS)
}

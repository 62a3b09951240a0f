//! `operator restore`: puts a backup back, in the place of a server that does not run. It reads and writes files and asks no server.

use crate::cli::command::Command;
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Invocation, Outcome, console};
use crate::server::restore;
use std::path::{Path, PathBuf};

pub const COMMAND: Command = Command {
    name: "operator restore",
    summary: "Put a backup back",
    arguments: "FILE",
    takes: (1, 1),
    about: "Puts a backup in the place that a configuration names, on the machine of a server that does not run. The server is \
            started and unsealed as ever, with the keys of the time of the backup.\n\n\
            A restored server notices that it is one: no credential is ended outside for a lease from before the restore until \
            \"operator adopt\", because another server may have renewed it since.",
    examples: &[
        ("Restore:", "operator restore -config=server.hcl leasehold.db"),
        (
            "Restore over what is there, which is moved aside:",
            "operator restore -config=server.hcl -force leasehold.db",
        ),
    ],
    flags: &[
        Flag::list("config", "File or directory with the server's configuration. May be given more than once."),
        Flag::bool("force", "Move a storage that is there aside."),
    ],
    shares: &[],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let configuration: Vec<PathBuf> = invocation.list("config").iter().map(PathBuf::from).collect();
    if configuration.is_empty() {
        return Err(Failure::local("No configuration given: -config=FILE says where the storage is to be."));
    }
    let restored = restore::run(&configuration, Path::new(invocation.argument(0)), invocation.is_set("force"));
    let (path, restored) = restored.map_err(|error| Failure::local(format!("Error restoring: {}", error.for_log())))?;
    console::line(format!("Success! {} KiB were restored to {}.", restored.bytes.div_ceil(1024), path.display()));
    if let Some(aside) = restored.moved_aside {
        console::line(format!("What was there is {} now.", aside.display()));
    }
    console::line(
        "\nStart the server and unseal it with the keys of the time of the backup. Credentials of leases from\n\
         before this restore are not ended outside until you say that this server is the one:\n\n    \
         leasehold operator adopt",
    );
    Ok(Exit::SUCCESS)
}

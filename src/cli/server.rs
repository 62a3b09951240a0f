//! `server`: runs a server. The one command that is not a client.

use crate::cli::command::Command;
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Invocation, Outcome};

pub const COMMAND: Command = Command {
    name: "server",
    summary: "Start a server",
    arguments: "",
    takes: (0, 0),
    about: "Starts a server and runs it until it is told to stop (SIGTERM or SIGINT): requests in flight are finished, \
            then it ends.\n\n\
            A server needs a configuration, which says where its data lies and where it listens. A new one must be \
            initialised with \"operator init\", and each start is followed by \"operator unseal\". For trying things \
            out there is -dev, which needs neither and keeps nothing.",
    examples: &[
        ("Start a server with a configuration:", "server -config=server.hcl"),
        ("Start one to try things out, in memory and unsealed:", "server -dev -dev-root-token-id=root"),
    ],
    flags: &[
        Flag::list("config", "File or directory with the configuration, HCL or JSON. May be given more than once."),
        Flag::bool("dev", "Development mode: in memory, initialised and unsealed. Everything is gone when it ends."),
        Flag::text("dev-root-token-id", "The root token of a development server.").variable("VAULT_DEV_ROOT_TOKEN_ID"),
        Flag::text("dev-listen-address", "Where a development server listens.")
            .variable("VAULT_DEV_LISTEN_ADDRESS")
            .default("127.0.0.1:8200"),
        Flag::bool("dev-no-store-token", "Do not store the development server's root token for the command line."),
        Flag::text("log-level", "What is logged: trace, debug, info, warn or error.").variable("VAULT_LOG_LEVEL"),
        Flag::text("log-format", "How it is logged: standard or json.").variable("VAULT_LOG_FORMAT"),
    ],
    shares: &[],
    run,
};

/// Runs the server until it is told to stop.
///
/// # Errors
/// Always, until the server is there.
pub fn run(_invocation: &Invocation) -> Outcome {
    Err(Failure { exit: Exit::LOCAL, message: "the server is not part of this build".to_owned() })
}

//! `print token`: the token that the other commands use.

use crate::cli::command::Command;
use crate::cli::{Exit, Failure, Invocation, Outcome, console, token_helper};

pub const COMMAND: Command = Command {
    name: "print token",
    summary: "Print the token in use",
    arguments: "",
    takes: (0, 0),
    about: "Prints the token that the other commands use: that of VAULT_TOKEN, else the one that \"login\" kept. The server is \
            not asked whether it is still good.",
    examples: &[
        ("Print the token:", "print token"),
        (
            "Ask with another program:",
            "print token | xargs -I{} curl -H 'X-Vault-Token: {}' $VAULT_ADDR/v1/secret/my-app",
        ),
    ],
    flags: &[],
    shares: &[],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    match token_helper::token(&invocation.environment)?.filter(|token| !token.is_empty()) {
        Some(token) => {
            console::line(token.expose());
            Ok(Exit::SUCCESS)
        }
        None => {
            Err(Failure::local("There is no token: VAULT_TOKEN is not set, and nobody has signed in with \"login\"."))
        }
    }
}

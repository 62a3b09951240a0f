//! `get`: one value on standard output, and nothing else.

use crate::cli::command::{Command, HTTP};
use crate::cli::secret::{self, Reference};
use crate::cli::{Exit, Invocation, Outcome, console};

pub const COMMAND: Command = Command {
    name: "get",
    summary: "Print one value, without a newline",
    arguments: "PATH#FIELD",
    takes: (1, 1),
    about: "Prints one field of a secret, raw and without a newline, ready to be put into a variable or a pipe. Without \
            #FIELD it prints the whole secret as a JSON object.\n\n\
            In a key/value store of version 2 the path is the one that \"kv get\" takes. A path that makes credentials \
            makes them, with a lease of their own: for more than one field of them use \"env\" or \"run\".",
    examples: &[
        ("Print a password:", "get secret/my-app#password"),
        ("Print everything as JSON:", "get secret/my-app"),
    ],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let reference = Reference::parse(invocation.argument(0))?;
    let found = secret::read(&invocation.client()?, &reference.path, None)?;
    found.warnings().iter().for_each(|warning| console::complain(format!("WARNING! {warning}")));
    console::raw(found.value(&reference)?.expose());
    Ok(Exit::SUCCESS)
}

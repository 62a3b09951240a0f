//! `version`: the level of the API and the program's own version.

use crate::VERSION;
use crate::cli::command::Command;
use crate::cli::{Exit, Invocation, Outcome, console, help};

pub const COMMAND: Command = Command {
    name: "version",
    summary: "Print the version",
    arguments: "",
    takes: (0, 0),
    about: "Prints the level of the API that this program speaks and, behind the plus sign, its own version. The same as \
            -version, --version and -v.",
    examples: &[("Print the version:", "version")],
    flags: &[],
    shares: &[],
    run,
};

fn run(_invocation: &Invocation) -> Outcome {
    console::line(format!("{} v{VERSION}", capitalised(help::PROGRAM)));
    Ok(Exit::SUCCESS)
}

fn capitalised(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect()
}

//! `version`: the level of the API and the program's own version.

use crate::VERSION;
use crate::cli::command::Command;
use crate::cli::{Exit, Invocation, Outcome, console, help};
use std::path::PathBuf;

/// Scripts and clients' test suites take the version from behind this name.
const KNOWN_NAME: &str = "vault";

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
    console::line(format!("{} v{VERSION}", capitalised(&called())));
    Ok(Exit::SUCCESS)
}

/// The name that the program was called by, where that is one that scripts look for in front of the version.
fn called() -> String {
    let name = std::env::args_os().next().and_then(|path| PathBuf::from(path).file_stem().map(ToOwned::to_owned));
    let is_known = |name: &&str| *name == KNOWN_NAME;
    name.as_ref().and_then(|name| name.to_str()).filter(is_known).unwrap_or(help::PROGRAM).to_owned()
}

fn capitalised(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect()
}

//! `list`: lists the names below a path.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::invocation::mount_path;
use crate::cli::{Answer, Client, Exit, Failure, Format, Invocation, Outcome, console, output};

pub const COMMAND: Command = Command {
    name: "list",
    summary: "List the names below a path",
    arguments: "PATH",
    takes: (1, 1),
    about: "Lists the names below a path. A name that ends with a slash has further names below it.",
    examples: &[
        ("List the secrets of an engine:", "list secret/"),
        ("List the roles of an engine, for a script:", "list -format=json aws/roles"),
    ],
    flags: &[],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = mount_path(invocation.argument(0));
    names_at(invocation, &invocation.client()?, &path)
}

/// Lists one path and prints it; a missing one is told, and is `{}` to scripts that read JSON.
pub fn names_at(invocation: &Invocation, client: &Client, path: &str) -> Outcome {
    let shown = path.trim_end_matches('/');
    let format = invocation.format()?;
    let answer = client.list(path).map_err(|failure| failure.context(format!("Error listing {path}")))?;
    let answer = answer.filter(|answer| answer.wrap_info().is_some() || answer.data().is_some());
    let Some(answer) = answer else {
        if format == Format::Json {
            console::line("{}");
            return Ok(Exit::REFUSED);
        }
        return Err(Failure::refused(format!("No value found at {shown}")));
    };
    if answer.wrap_info().is_some() {
        return output::answer(invocation, &answer);
    }
    print(invocation, &answer, shown)
}

fn print(invocation: &Invocation, answer: &Answer, path: &str) -> Outcome {
    if invocation.format()? == Format::Table {
        output::warnings(answer);
    }
    let keys = answer.keys();
    if keys.is_empty() && invocation.format()? == Format::Table {
        return Err(Failure::refused(format!("No entries found at {path}")));
    }
    output::names(invocation, Some("Keys"), &keys)
}

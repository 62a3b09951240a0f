//! `path-help`: what a path is for, told by the server.

use crate::cli::client::Call;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::invocation::trimmed_path;
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, console, output};

pub const COMMAND: Command = Command {
    name: "path-help",
    summary: "Tell what a path is for",
    arguments: "PATH",
    takes: (1, 1),
    about: "Asks the server what a path is for and which fields it takes. At the path of a mount it tells of every path \
            below. The engine must be enabled.",
    examples: &[
        ("See every path of an engine:", "path-help aws"),
        ("See what one path takes:", "path-help aws/roles/support"),
    ],
    flags: &[],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = trimmed_path(invocation.argument(0));
    let call = Call::new("GET", path).with_query([("help".to_owned(), "1".to_owned())]);
    let answer = invocation.client()?.ask(&call).map_err(|failure| failure.context("Error retrieving help"))?;
    let nothing = || Failure::refused(format!("No help found at {path}"));
    let answer = answer.ok_or_else(nothing)?;
    match invocation.format()? {
        Format::Table => {
            let help = answer.data_or_body().and_then(|body| body.get("help")).and_then(serde_json::Value::as_str);
            console::line(help.ok_or_else(nothing)?.trim_end());
        }
        format => output::structured(&output::sorted(answer.body()), format),
    }
    Ok(Exit::SUCCESS)
}

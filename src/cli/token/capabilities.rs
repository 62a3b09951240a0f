//! `token capabilities`: what a token may do at a path.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Value, json};

pub const COMMAND: Command = Command {
    name: "token capabilities",
    summary: "Tell what a token may do at a path",
    arguments: "[TOKEN | ACCESSOR] PATH",
    takes: (1, 2),
    about: "Tells what a token may do at a path: create, read, update, patch, delete, list, sudo, or root for everything \
            and deny for nothing. With the path alone it tells it of the token in use.",
    examples: &[
        ("What the token in use may do:", "token capabilities aws/creds/support"),
        ("What another may do:", "token capabilities hvs.EXAMPLE aws/creds/support"),
    ],
    flags: &[Flag::bool("accessor", "The first argument is an accessor.")],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let answer = match (invocation.arguments.as_slice(), invocation.is_set("accessor")) {
        ([accessor, path], true) => {
            client.post("sys/capabilities-accessor", json!({"accessor": accessor, "path": path}))
        }
        ([_], true) => {
            return Err(Failure::local("Not enough arguments with -accessor: an accessor and a path are needed"));
        }
        ([token, path], false) => client.post("sys/capabilities", json!({"token": token, "path": path})),
        _ => client.post("sys/capabilities-self", json!({"path": invocation.argument(0)})),
    };
    let answer = answer.map_err(|failure| failure.context("Error listing capabilities"))?;
    let mut capabilities = capabilities(answer.as_ref());
    capabilities.sort_unstable();
    match invocation.format()? {
        Format::Table => console::line(capabilities.join(", ")),
        format => output::structured(&Value::from(capabilities), format),
    }
    Ok(Exit::SUCCESS)
}

fn capabilities(answer: Option<&Answer>) -> Vec<&str> {
    let list =
        answer.and_then(Answer::data_or_body).and_then(|data| data.get("capabilities")).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

//! `write`: writes data to a path.

use crate::cli::command::{ANY, Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::invocation::trimmed_path;
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, arguments, console, output};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "write",
    summary: "Write data, configuration or an order",
    arguments: "PATH [DATA...]",
    takes: (1, ANY),
    about: "Writes data to a path and prints what the server answers, if it does.\n\n\
            Data is given as key=value. A value that begins with @ is the content of a file, and - is standard input; a \
            key given twice makes a list. A lone @file.json or - stands for a whole JSON object. What begins with \\@ is \
            a value with an at sign.",
    examples: &[
        ("Write a secret:", "write secret/my-app password=horse"),
        ("Take a value from a file:", "write aws/roles/support policy=@support-policy.json"),
        ("Take everything from a JSON file:", "write aws/config/root @root.json"),
        ("Write to a path that needs no data:", "write -force aws/config/rotate-root"),
    ],
    flags: &[Flag::bool("force", "Write although there is no data.").alias("f")],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = trimmed_path(invocation.argument(0));
    if invocation.arguments.len() < 2 && !invocation.is_set("force") {
        return Err(Failure::local("Must supply data or use -force"));
    }
    let data = Value::Object(arguments::data(&invocation.arguments[1..])?);
    let answer = invocation.client()?.write(path, data);
    tell(invocation, path, answer.map_err(|failure| failure.context(format!("Error writing data to {path}")))?)
}

/// Prints what writing led to: the answer, or where that says nothing, that it was done.
pub fn tell(invocation: &Invocation, path: &str, answer: Option<Answer>) -> Outcome {
    let says_something =
        |answer: &Answer| answer.data().is_some() || answer.auth().is_some() || answer.wrap_info().is_some();
    if !answer.as_ref().is_some_and(says_something) && invocation.format()? == Format::Table {
        console::line(format!("Success! Data written to: {path}"));
    }
    match answer {
        Some(answer) => output::answer(invocation, &answer),
        None => Ok(Exit::SUCCESS),
    }
}

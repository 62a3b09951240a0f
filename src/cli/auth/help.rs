//! `auth help`: how to sign in by a method.

use crate::cli::command::{Command, HTTP};
use crate::cli::invocation::trimmed_path;
use crate::cli::login::method::{self, Method};
use crate::cli::{Exit, Failure, Invocation, Outcome, console};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "auth help",
    summary: "Tell how to sign in by a method",
    arguments: "TYPE | PATH",
    takes: (1, 1),
    about: "Tells what \"login\" takes for a method. Given the path of a mounted method in place of its kind, it asks the server \
            which kind is mounted there.",
    examples: &[
        ("See how to sign in by name and password:", "auth help userpass"),
        ("See how to sign in by what is mounted at auth/staff/:", "auth help staff/"),
    ],
    flags: &[],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let asked = trimmed_path(invocation.argument(0));
    let told = match method::named(asked) {
        Some(method) => method.help(),
        None => mounted(invocation, asked)?.help(),
    };
    console::line(told.trim_end());
    Ok(Exit::SUCCESS)
}

/// The method of the kind that is mounted at a path.
fn mounted(invocation: &Invocation, asked: &str) -> Result<&'static Method, Failure> {
    let path = super::checked(asked)?;
    let answer = invocation.client()?.read("sys/auth");
    let answer = answer.map_err(|failure| failure.context("Error listing auth methods"))?;
    let kind = answer.as_ref().and_then(|answer| answer.data()?.get(&path)?.get("type")).and_then(Value::as_str);
    let Some(kind) = kind else {
        return Err(Failure::refused(format!(
            "Error retrieving help: {asked} is neither a kind of auth method that \"login\" knows ({}), nor is one mounted at auth/{path}",
            method::names()
        )));
    };
    method::named(kind).ok_or_else(|| method::unknown(kind))
}

//! `plugin info`: one kind of secrets engine, auth method or database.

use crate::cli::client::Call;
use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, output};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "plugin info",
    summary: "Show one kind of engine or auth method",
    arguments: "TYPE NAME",
    takes: (2, 2),
    about: "Shows a kind of secrets engine (secret), auth method (auth) or database (database).",
    examples: &[("See the AWS engine:", "plugin info secret aws")],
    flags: &[Flag::text("version", "Which version of it, on servers that have several.")],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let (kind, name) = (invocation.argument(0).trim(), invocation.argument(1).trim());
    let version = invocation.given("version").map(|version| ("version".to_owned(), version.to_owned()));
    let call = Call::new("GET", format!("sys/plugins/catalog/{kind}/{name}")).with_query(version);
    let answer = invocation.client()?.ask(&call);
    let answer = answer.map_err(|failure| failure.context(format!("Error reading plugin named {name}")))?;
    let data = answer.as_ref().and_then(|answer| answer.data());
    let data = data.ok_or_else(|| Failure::refused(format!("There is no {kind} plug-in named {name}.")))?;
    match invocation.format()? {
        Format::Table => output::data(invocation, data),
        format if invocation.field().is_none() => {
            output::structured(&output::sorted(&Value::Object(data.clone())), format);
            Ok(Exit::SUCCESS)
        }
        _ => output::data(invocation, data),
    }
}

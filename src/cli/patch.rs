//! `patch`: changes some of the data at a path.

use crate::cli::command::{ANY, Command, FIELD, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::invocation::trimmed_path;
use crate::cli::{Failure, Invocation, Outcome, arguments, write};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "patch",
    summary: "Change some of the data at a path",
    arguments: "PATH [DATA...]",
    takes: (1, ANY),
    about: "Changes what is given and leaves the rest of the data at a path as it is; a null in JSON takes a key away (RFC \
            7396). Not every path can be patched: \"path-help\" tells. Data is given as for \"write\".",
    examples: &[
        ("Change the description of an entity:", "patch identity/entity/name/anna metadata=@metadata.json"),
        ("Take a change from standard input:", "patch secret/data/my-app - < change.json"),
    ],
    flags: &[Flag::bool("force", "Patch although there is no data.").alias("f")],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = trimmed_path(invocation.argument(0));
    if invocation.arguments.len() < 2 && !invocation.is_set("force") {
        return Err(Failure::local("Must supply data or use -force"));
    }
    let data = Value::Object(arguments::data(&invocation.arguments[1..])?);
    let answer = invocation.client()?.patch(path, data);
    write::tell(invocation, path, answer.map_err(|failure| failure.context(format!("Error writing data to {path}")))?)
}

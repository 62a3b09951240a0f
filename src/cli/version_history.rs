//! `version-history`: which versions of the program have served this data.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, console, output};

pub const COMMAND: Command = Command {
    name: "version-history",
    summary: "List the versions that have served this data",
    arguments: "",
    takes: (0, 0),
    about: "Lists the versions of the program that have served the server's data, the oldest first, with the time when each \
            first did.",
    examples: &[("See the versions:", "version-history")],
    flags: &[],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let answer = invocation.client()?.list("sys/version-history");
    let answer = answer.map_err(|failure| failure.context("Error reading version history"))?;
    let answer = answer.ok_or_else(|| Failure::refused("The server keeps no history of its versions."))?;
    if invocation.format()? != Format::Table {
        return output::answer(invocation, &answer);
    }
    let infos = answer.data().and_then(|data| data.get("key_info"));
    let shown = |version: &str, name: &str| {
        let value = infos.and_then(|infos| infos.get(version)?.get(name)).filter(|value| !value.is_null());
        value.map(output::plain).unwrap_or_default()
    };
    let mut table = vec![["Version", "Installation Time", "Build Date"].map(str::to_owned).to_vec()];
    table.extend(
        answer.keys().into_iter().map(|version| {
            vec![version.to_owned(), shown(version, "timestamp_installed"), shown(version, "build_date")]
        }),
    );
    console::line(output::table::with_header(&table));
    Ok(Exit::SUCCESS)
}

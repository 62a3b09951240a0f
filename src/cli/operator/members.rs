//! `operator members`: the nodes that serve the same data.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "operator members",
    summary: "List the nodes that serve the same data",
    arguments: "",
    takes: (0, 0),
    about: "Lists the nodes that serve the same data, and which of them leads.",
    examples: &[("See the nodes:", "operator members")],
    flags: &[],
    shares: &[&HTTP, &FORMAT],
    run,
};

const COLUMNS: [(&str, &str); 7] = [
    ("Host Name", "hostname"),
    ("API Address", "api_address"),
    ("Cluster Address", "cluster_address"),
    ("Active Node", "active_node"),
    ("Version", "version"),
    ("Upgrade Version", "upgrade_version"),
    ("Last Echo", "last_echo"),
];

fn run(invocation: &Invocation) -> Outcome {
    let answer = invocation.client()?.read("sys/ha-status");
    let answer = answer.map_err(|failure| failure.context("Error listing members"))?;
    let answer = answer.ok_or_else(|| Failure::refused("The server does not list the nodes: it is alone."))?;
    let nodes = answer.data_or_body().and_then(|body| body.get("nodes")).and_then(Value::as_array);
    match invocation.format()? {
        Format::Table => {
            let mut table = vec![COLUMNS.iter().map(|(title, _)| (*title).to_owned()).collect::<Vec<_>>()];
            table.extend(nodes.into_iter().flatten().map(|node| {
                let shown = |name| node.get(name).filter(|value: &&Value| !value.is_null()).map(output::plain);
                COLUMNS.iter().map(|(_, name)| shown(*name).unwrap_or_default()).collect()
            }));
            console::line(output::table::with_header(&table));
        }
        format => output::structured(answer.body(), format),
    }
    Ok(Exit::SUCCESS)
}

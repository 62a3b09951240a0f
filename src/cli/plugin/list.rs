//! `plugin list`: every kind of secrets engine, auth method and database.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Map, Value};

/// The types, as arguments and as the server calls them.
const TYPES: [&str; 3] = ["auth", "database", "secret"];

pub const COMMAND: Command = Command {
    name: "plugin list",
    summary: "List the kinds of engines and auth methods",
    arguments: "[TYPE]",
    takes: (0, 1),
    about: "Lists the kinds of secrets engines (secret), auth methods (auth) and databases (database) that the server has.",
    examples: &[("See all kinds:", "plugin list"), ("See the kinds of secrets engines:", "plugin list secret")],
    flags: &[Flag::bool("detailed", "Show where each comes from, too.")],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let wanted = invocation.argument(0).trim();
    if !wanted.is_empty() && !TYPES.contains(&wanted) {
        return Err(Failure::local(format!("{wanted:?} is no type of plug-in: choose auth, database or secret.")));
    }
    let answer = invocation.client()?.read("sys/plugins/catalog");
    let answer = answer.map_err(|failure| failure.context("Error listing available plugins"))?;
    let answer = answer.ok_or_else(|| Failure::refused("The server lists no plug-ins."))?;
    let data = answer.data().cloned().unwrap_or_default();
    let types: Vec<&str> = TYPES.into_iter().filter(|kind| wanted.is_empty() || *kind == wanted).collect();
    match invocation.format()? {
        Format::Table => {
            output::warnings(&answer);
            console::line(table(&data, &types, invocation.is_set("detailed")));
        }
        format => {
            let mut shown: Map<String, Value> = Map::new();
            for kind in types {
                shown.insert(kind.to_owned(), data.get(kind).cloned().unwrap_or_else(|| Value::Array(Vec::new())));
            }
            if invocation.is_set("detailed") {
                shown.insert("details".to_owned(), data.get("detailed").cloned().unwrap_or_default());
            }
            output::structured(&Value::Object(shown), format);
        }
    }
    Ok(Exit::SUCCESS)
}

fn table(data: &Map<String, Value>, types: &[&str], detailed: bool) -> String {
    let titles: &[&str] = if detailed {
        &["Name", "Type", "Version", "Builtin", "Deprecation Status"]
    } else {
        &["Name", "Type", "Version"]
    };
    let mut rows = Vec::new();
    for kind in types {
        let names = data.get(*kind).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        rows.extend(names.map(|name| {
            let of =
                |entry: &&Value| entry.get("name") == Some(&name.into()) && entry.get("type") == Some(&(*kind).into());
            let details = data.get("detailed").and_then(Value::as_array).and_then(|all| all.iter().find(of));
            let shown = |member| details.and_then(|details| details.get(member)).map(output::plain).unwrap_or_default();
            let mut row = vec![name.to_owned(), (*kind).to_owned()];
            row.extend(["version", "builtin", "deprecation_status"].map(shown));
            row.truncate(titles.len());
            row
        }));
    }
    rows.sort();
    let mut table = vec![titles.iter().map(|title| (*title).to_owned()).collect()];
    table.extend(rows);
    output::table::with_header(&table)
}

//! `lease tree`: draws what hangs below a token.

use super::names::{TOKEN, named};
use crate::cli::client::Call;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Answer, Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Value, json};

pub const COMMAND: Command = Command {
    name: "lease tree",
    summary: "Draw what hangs below a token",
    arguments: "[TOKEN | ACCESSOR | LEASE_ID]",
    takes: (0, 1),
    about: "Draws a token with the tokens and leases below it, and tells when each of them really ends: with its own time, or \
            with a token above it that ends before. Without an argument the token in use is drawn. Tokens are shown by their \
            display name and accessor.\n\n\
            What does not fit is counted: see more of it with -limit and -depth, or draw a token further down by its accessor.",
    examples: &[
        ("What hangs below the token in use:", "lease tree"),
        ("What ends with a token, two levels deep:", "lease tree -depth=2 9793c9b3-e04a-46f3-e7b8-748d7da248da"),
    ],
    flags: &[
        Flag::number("depth", "How many levels to show below the first."),
        Flag::number("limit", "How many tokens and leases to show in all.").default("1000"),
        Flag::text("after", "Go on with the first one's children where an earlier drawing left off."),
        TOKEN,
    ],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let asked =
        ["depth", "limit", "after"].into_iter().filter_map(|name| Some((name, invocation.text(name)?.to_owned())));
    let answer = if invocation.arguments.is_empty() {
        let query = asked.map(|(name, value)| (name.to_owned(), value));
        client.ask(&Call::new("GET", "sys/leases/tree-self").with_query(query))
    } else {
        let mut body = named(invocation)?;
        asked.for_each(|(name, value)| body[name] = json!(value));
        client.write("sys/leases/tree", body)
    };
    let answer = answer.map_err(|failure| failure.context("Error drawing the tree"))?;
    let answer = answer.ok_or_else(|| Failure::refused("There is no such token or lease"))?;
    match invocation.format()? {
        Format::Table => {
            output::warnings(&answer);
            draw(&answer);
            Ok(Exit::SUCCESS)
        }
        Format::Json | Format::Yaml => output::answer(invocation, &answer),
    }
}

fn draw(answer: &Answer) {
    let nothing = serde_json::Map::new();
    let data = answer.data().unwrap_or(&nothing);
    let mut rows = vec![["Tree".to_owned(), "State".to_owned(), "Ends".to_owned()]];
    rows.push(["----".to_owned(), "-----".to_owned(), "----".to_owned()]);
    branch(data.get("tree").unwrap_or(&Value::Null), "", "", &mut rows);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    for [tree, state, ends] in &rows {
        console::line(format!("{tree:first$}    {state:second$}    {ends}").trim_end());
    }
    let left_out = data.get("left_out").and_then(Value::as_u64).unwrap_or(0);
    if left_out > 0 {
        let more = if data.get("left_out_is_at_least") == Some(&json!(true)) { " or more" } else { "" };
        console::complain(format!("{left_out}{more} are not shown: see -limit and -depth, or draw one further down."));
    }
    if let Some(next) = data.get("next").and_then(Value::as_str) {
        console::complain(format!("The first one's children go on with -after={next}"));
    }
}

/// One row for a node, and those of its children; `line` stands before the node itself, `below` before what is below it.
fn branch(node: &Value, line: &str, below: &str, rows: &mut Vec<[String; 3]>) {
    let text = |name: &str| node[name].as_str().unwrap_or_default();
    rows.push([format!("{line}{}", label(node)), text("state").to_owned(), ends(node)]);
    let children = node["children"].as_array().map(Vec::as_slice).unwrap_or_default();
    let left_out = node["left_out"].as_u64().unwrap_or(0);
    for (at, child) in children.iter().enumerate() {
        let is_last = at + 1 == children.len() && left_out == 0;
        let (fork, passing) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        branch(child, &format!("{below}{fork}"), &format!("{below}{passing}"), rows);
    }
    if left_out > 0 {
        rows.push([format!("{below}└── … {left_out} more"), String::new(), String::new()]);
    }
}

fn label(node: &Value) -> String {
    let text = |name: &str| node[name].as_str().unwrap_or_default();
    match (text("type"), text("subject")) {
        ("token", _) => format!("{} ({})", text("display_name"), text("accessor")),
        (_, "") => text("id").to_owned(),
        (_, subject) => format!("{} ({subject})", text("id")),
    }
}

/// When it ends, to the second, and with whom where that is not itself.
fn ends(node: &Value) -> String {
    let Some(end) = node["effective_expire_time"].as_str() else { return "never".to_owned() };
    let end = end.split_once('.').map_or(end.to_owned(), |(seconds, _)| format!("{seconds}Z"));
    match node["ends_with"]["display_name"].as_str() {
        Some(name) => format!("{end}, with {name}"),
        None => end,
    }
}

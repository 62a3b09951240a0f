//! `operator usage`: how many different people and programs asked.

use crate::cli::client::Call;
use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "operator usage",
    summary: "Count the people and programs that asked",
    arguments: "",
    takes: (0, 0),
    about: "Tells how many different people and programs sent requests in a period, where the server counts them.",
    examples: &[(
        "Count those of a month:",
        "operator usage -start-time=2026-11-01T00:00:00Z -end-time=2026-11-30T23:59:59Z",
    )],
    flags: &[
        Flag::text("start-time", "When the period begins (RFC 3339, or seconds since 1970)."),
        Flag::text("end-time", "When it ends."),
    ],
    shares: &[&HTTP, &FORMAT],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let period = [("start-time", "start_time"), ("end-time", "end_time")];
    let query = period
        .iter()
        .filter_map(|(flag, name)| invocation.given(flag).map(|time| ((*name).to_owned(), time.to_owned())));
    let call = Call::new("GET", "sys/internal/counters/activity").with_query(query);
    let answer = invocation.client()?.ask(&call);
    let answer = answer.map_err(|failure| failure.context("Error retrieving client counts"))?;
    let answer = answer.ok_or_else(|| Failure::refused("The server has no counts of this period."))?;
    if invocation.format()? != Format::Table {
        return output::answer(invocation, &answer);
    }
    let data = answer.data().cloned().unwrap_or_default();
    let shown = |value: Option<&Value>| value.filter(|value| !value.is_null()).map(output::plain).unwrap_or_default();
    let total = |name: &str| shown(data.get("total").and_then(|total| total.get(name)));
    console::line(output::table::key_value(&[
        ("Period start", shown(data.get("start_time"))),
        ("Period end", shown(data.get("end_time"))),
        ("Entity clients", total("entity_clients")),
        ("Non-entity clients", total("non_entity_clients")),
        ("Total clients", total("clients")),
    ]));
    Ok(Exit::SUCCESS)
}

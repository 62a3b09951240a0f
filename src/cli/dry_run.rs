//! `-dry-run` of the commands that revoke: shows what would end.
//!
//! Invariant: nothing is asked of a server that would take the question for an order. A server that does not know of dry runs
//! ignores what it does not know, and revokes.

use crate::cli::flags::Flag;
use crate::cli::{Answer, Client, Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Value, json};

pub const FLAG: Flag =
    Flag::bool("dry-run", "Only tell what would end: how much, of which roles and targets, and what first.");

/// Refuses servers that may not know of dry runs.
pub fn check(client: &Client) -> Result<(), Failure> {
    let status = client
        .read_first("sys/seal-status")
        .map_err(|failure| failure.context("Error asking for the server's version"))?;
    let version = status.as_ref().map(|status| status.text("version").to_owned()).unwrap_or_default();
    if version.contains("leasehold") {
        return Ok(());
    }
    Err(Failure::local(format!(
        "This server ({version}) may not know of dry runs and would revoke for real: nothing was sent to it."
    )))
}

/// How many tokens and leases an order has still to end, where the server can say.
pub fn left(client: &Client, path: &str, order: &Value) -> Option<u64> {
    let mut body = order.clone();
    body["dry_run"] = true.into();
    let answer = client.write(path, body).ok()??;
    let plan = answer.data()?;
    (plan.get("dry_run") == Some(&json!(true))).then_some(())?;
    Some(["tokens", "leases", "ending_already"].iter().filter_map(|name| plan.get(*name)?.as_u64()).sum())
}

/// Prints what the server answered to a dry run.
pub fn show(invocation: &Invocation, answer: Option<Answer>) -> Outcome {
    let told = answer.filter(|answer| answer.data().is_some_and(|data| data.get("dry_run") == Some(&json!(true))));
    let answer =
        told.ok_or_else(|| Failure::refused("The server did not answer with a plan: look at what it has done"))?;
    match invocation.format()? {
        Format::Table => {
            output::warnings(&answer);
            tell(answer.data().map(|data| Value::Object(data.clone())).unwrap_or_default());
            Ok(Exit::SUCCESS)
        }
        Format::Json | Format::Yaml => output::answer(invocation, &answer),
    }
}

fn tell(plan: Value) {
    let number = |name: &str| plan[name].as_u64().unwrap_or(0);
    let (tokens, leases, ending) = (number("tokens"), number("leases"), number("ending_already"));
    let at_least = if plan["is_complete"] == json!(false) { "at least " } else { "" };
    let already = if ending == 0 { String::new() } else { format!("; {ending} more are ending already") };
    console::line(format!(
        "Nothing was revoked. This would end {at_least}{} and {}{already}.",
        counted(tokens, "token"),
        counted(leases, "lease")
    ));
    let rows = |name: &str| plan[name].as_array().cloned().unwrap_or_default();
    let groups = rows("groups");
    if !groups.is_empty() {
        let mut table = vec![["Mount", "Role", "Target", "Count"].map(str::to_owned).to_vec()];
        table.extend(
            groups
                .iter()
                .map(|group| ["mount", "role", "target", "count"].map(|name| output::plain(&group[name])).to_vec()),
        );
        console::line(format!("\n{}", output::table::with_header(&table)));
        if number("ungrouped") > 0 {
            console::line(format!("… and {} of further roles and targets", number("ungrouped")));
        }
    }
    let first = rows("first");
    if !first.is_empty() {
        let rest = (tokens + leases).saturating_sub(first.len() as u64);
        console::line(if rest == 0 { "\nThese are:" } else { "\nThe first of them:" });
        first.iter().for_each(|one| console::line(format!("    {}", label(one))));
        if rest > 0 {
            console::line(format!("    … {rest} more"));
        }
    }
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn label(one: &Value) -> String {
    let text = |name: &str| one[name].as_str().unwrap_or_default();
    match (text("type"), text("subject"), text("state")) {
        (kind, _, "damaged") => format!("a damaged {kind}"),
        ("token", ..) => format!("{} ({})", text("display_name"), text("accessor")),
        (_, "", _) => text("id").to_owned(),
        (_, subject, _) => format!("{} ({subject})", text("id")),
    }
}

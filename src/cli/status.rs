//! `status`: whether the server is initialised and unsealed, and the table of that which others print too.

use crate::cli::command::{Command, FIELD, FORMAT, HTTP};
use crate::cli::{Answer, Client, Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Map, Value};

pub const COMMAND: Command = Command {
    name: "status",
    summary: "Tell whether the server is unsealed",
    arguments: "",
    takes: (0, 0),
    about: "Tells whether the server is initialised and unsealed. The exit code says it to scripts: 0 when it serves, 2 \
            when it is sealed or not initialised, 1 when nothing answers. No token is needed.",
    examples: &[("Look at the server:", "status"), ("Ask for one value:", "status -field=sealed")],
    flags: &[],
    shares: &[&HTTP, &FORMAT, &FIELD],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let client = invocation.client()?;
    let answer = client.read("sys/seal-status").and_then(|answer| answer.ok_or_else(|| Failure::local("no answer")));
    let answer = answer.map_err(|failure| failure.context("Error checking seal status").with_exit(Exit::LOCAL))?;
    let sealed = print(invocation, &client, &answer)?;
    if sealed {
        let is_new = answer.data_or_body().and_then(|status| status.get("initialized")) == Some(&Value::Bool(false));
        let step = if is_new {
            "The server is new. Make its keys with: leasehold operator init"
        } else {
            "Unseal it with: leasehold operator unseal"
        };
        console::complain(format!("\n{step}"));
    }
    Ok(if sealed { Exit::REFUSED } else { Exit::SUCCESS })
}

/// Prints a seal's status; tells whether it is sealed.
pub fn print(invocation: &Invocation, client: &Client, answer: &Answer) -> Result<bool, Failure> {
    let mut status = answer.data_or_body().cloned().unwrap_or_default();
    let sealed = status.get("sealed").and_then(Value::as_bool).unwrap_or(true);
    if !status.contains_key("ha_enabled") {
        status.insert("ha_enabled".to_owned(), Value::Bool(is_one_of_many(client)));
    }
    if invocation.field().is_some() {
        output::data(invocation, &status)?;
        return Ok(sealed);
    }
    match invocation.format()? {
        Format::Table => console::line(output::table::key_value(&rows(&status, sealed))),
        format => output::structured(&Value::Object(status), format),
    }
    Ok(sealed)
}

/// Whether the server is a node among others. One that cannot say so now counts as alone.
fn is_one_of_many(client: &Client) -> bool {
    let answer = client.read("sys/leader").ok().flatten();
    let enabled = answer.as_ref().and_then(Answer::data_or_body).and_then(|leader| leader.get("ha_enabled"));
    enabled.and_then(Value::as_bool).unwrap_or(false)
}

fn rows(status: &Map<String, Value>, sealed: bool) -> Vec<(&'static str, String)> {
    let shown = |name: &str| status.get(name).filter(|value| !value.is_null()).map(output::plain).unwrap_or_default();
    let mut rows = vec![
        ("Seal Type", shown("type")),
        ("Initialized", shown("initialized")),
        ("Sealed", sealed.to_string()),
        ("Total Shares", shown("n")),
        ("Threshold", shown("t")),
    ];
    if sealed {
        rows.push(("Unseal Progress", format!("{}/{}", shown("progress"), shown("t"))));
        rows.push(("Unseal Nonce", shown("nonce")));
    }
    rows.push(("Version", shown("version")));
    rows.push(("Build Date", shown("build_date")));
    rows.push(("Storage Type", shown("storage_type")));
    if !shown("cluster_name").is_empty() {
        rows.push(("Cluster Name", shown("cluster_name")));
        rows.push(("Cluster ID", shown("cluster_id")));
    }
    if !shown("revocations_held").is_empty() {
        rows.push(("Revocations", format!("held: {}", shown("revocations_held"))));
    }
    rows.push(("HA Enabled", shown("ha_enabled")));
    rows
}

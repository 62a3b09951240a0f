//! `secrets list`: what is mounted where.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Map, Value};

pub const COMMAND: Command = Command {
    name: "secrets list",
    summary: "List the mounted secrets engines",
    arguments: "",
    takes: (0, 0),
    about: "Lists the mounted secrets engines with their paths and kinds. With -detailed it shows their settings, too, and \
            what is still being removed.",
    examples: &[
        ("See what is mounted:", "secrets list"),
        ("See all settings, for a script:", "secrets list -detailed -format=json"),
    ],
    flags: &[Flag::bool("detailed", "Show the settings, too.")],
    shares: &[&HTTP, &FORMAT],
    run,
};

const HEADER: [&str; 4] = ["Path", "Type", "Accessor", "Description"];
const DETAILED_HEADER: [&str; 15] = [
    "Path",
    "Plugin",
    "Accessor",
    "Default TTL",
    "Max TTL",
    "Force No Cache",
    "Replication",
    "Seal Wrap",
    "External Entropy Access",
    "Options",
    "Description",
    "UUID",
    "Version",
    "Running Version",
    "Deprecation Status",
];

fn run(invocation: &Invocation) -> Outcome {
    let failed = |failure: Failure| failure.context("Error listing secrets engines");
    let answer = invocation.client()?.read("sys/mounts").map_err(failed)?;
    let answer = answer.ok_or_else(|| failed(Failure::refused("the server answered nothing")))?;
    let mut mounts: Vec<_> = answer.data().into_iter().flatten().collect();
    mounts.sort_by_key(|(path, _)| path.as_str());
    match invocation.format()? {
        Format::Table => {
            output::warnings(&answer);
            let detailed = invocation.is_set("detailed");
            if !detailed {
                mounts.retain(|(_, mount)| mount.get("disabling") != Some(&Value::Bool(true)));
            }
            let header: &[&str] = if detailed { &DETAILED_HEADER } else { &HEADER };
            let row =
                |(path, mount): &(&String, &Value)| if detailed { detailed_row(path, mount) } else { row(path, mount) };
            let mut table = vec![header.iter().map(|title| (*title).to_owned()).collect()];
            table.extend(mounts.iter().map(row));
            console::line(output::table::with_header(&table));
        }
        format => {
            let mounts: Map<_, _> = mounts.into_iter().map(|(path, mount)| (path.clone(), mount.clone())).collect();
            output::structured(&Value::Object(mounts), format);
        }
    }
    Ok(Exit::SUCCESS)
}

fn row(path: &str, mount: &Value) -> Vec<String> {
    vec![path.to_owned(), shown(mount, "type"), shown(mount, "accessor"), shown(mount, "description")]
}

fn detailed_row(path: &str, mount: &Value) -> Vec<String> {
    let configuration = mount.get("config").unwrap_or(&Value::Null);
    let ttl = |name: &str| match configuration.get(name).and_then(Value::as_u64).unwrap_or(0) {
        0 => "system".to_owned(),
        seconds => seconds.to_string(),
    };
    let replication = if mount.get("local") == Some(&Value::Bool(true)) { "local" } else { "replicated" };
    vec![
        path.to_owned(),
        shown(mount, "type"),
        shown(mount, "accessor"),
        ttl("default_lease_ttl"),
        ttl("max_lease_ttl"),
        truth(configuration, "force_no_cache"),
        replication.to_owned(),
        truth(mount, "seal_wrap"),
        truth(mount, "external_entropy_access"),
        mount.get("options").filter(|options| !options.is_null()).map_or_else(|| "map[]".to_owned(), output::plain),
        description(mount),
        shown(mount, "uuid"),
        shown(mount, "plugin_version"),
        shown(mount, "running_plugin_version"),
        shown(mount, "deprecation_status"),
    ]
}

/// A mount that is being removed tells how much of it is left in place of its description.
fn description(mount: &Value) -> String {
    match mount.get("leases") {
        Some(leases) => format!("being disabled: {} leases are still to be revoked", output::plain(leases)),
        None => shown(mount, "description"),
    }
}

fn shown(value: &Value, name: &str) -> String {
    value.get(name).filter(|member| !member.is_null()).map(output::plain).unwrap_or_default()
}

fn truth(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_bool).unwrap_or(false).to_string()
}

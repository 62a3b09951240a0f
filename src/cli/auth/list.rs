//! `auth list`: which auth methods are mounted where.

use crate::cli::command::{Command, FORMAT, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Failure, Format, Invocation, Outcome, console, output};
use serde_json::{Map, Value};

pub const COMMAND: Command = Command {
    name: "auth list",
    summary: "List the mounted auth methods",
    arguments: "",
    takes: (0, 0),
    about: "Lists the auth methods with their paths below auth/ and their kinds. With -detailed it shows their settings, too.",
    examples: &[
        ("See how one can sign in:", "auth list"),
        ("See all settings, for a script:", "auth list -detailed -format=json"),
    ],
    flags: &[Flag::bool("detailed", "Show the settings, too.")],
    shares: &[&HTTP, &FORMAT],
    run,
};

const HEADER: [&str; 5] = ["Path", "Type", "Accessor", "Description", "Version"];
const DETAILED_HEADER: [&str; 15] = [
    "Path",
    "Plugin",
    "Accessor",
    "Default TTL",
    "Max TTL",
    "Token Type",
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
    let failed = |failure: Failure| failure.context("Error listing enabled authentications");
    let answer = invocation.client()?.read("sys/auth").map_err(failed)?;
    let answer = answer.ok_or_else(|| failed(Failure::refused("the server answered nothing")))?;
    let mut methods: Vec<_> = answer.data().into_iter().flatten().collect();
    methods.sort_by_key(|(path, _)| path.as_str());
    match invocation.format()? {
        Format::Table => {
            output::warnings(&answer);
            let detailed = invocation.is_set("detailed");
            let header: &[&str] = if detailed { &DETAILED_HEADER } else { &HEADER };
            let mut table = vec![header.iter().map(|title| (*title).to_owned()).collect()];
            table.extend(methods.iter().map(|(path, method)| match detailed {
                true => detailed_row(path, method),
                false => row(path, method),
            }));
            console::line(output::table::with_header(&table));
        }
        format => {
            let methods: Map<_, _> = methods.into_iter().map(|(path, method)| (path.clone(), method.clone())).collect();
            output::structured(&Value::Object(methods), format);
        }
    }
    Ok(Exit::SUCCESS)
}

fn row(path: &str, method: &Value) -> Vec<String> {
    let shown = |name| shown(method, name);
    vec![path.to_owned(), shown("type"), shown("accessor"), shown("description"), shown("plugin_version")]
}

fn detailed_row(path: &str, method: &Value) -> Vec<String> {
    let configuration = method.get("config").unwrap_or(&Value::Null);
    let ttl = |name: &str| match configuration.get(name).and_then(Value::as_u64).unwrap_or(0) {
        0 => "system".to_owned(),
        seconds => seconds.to_string(),
    };
    let replication = if method.get("local") == Some(&Value::Bool(true)) { "local" } else { "replicated" };
    vec![
        path.to_owned(),
        shown(method, "type"),
        shown(method, "accessor"),
        ttl("default_lease_ttl"),
        ttl("max_lease_ttl"),
        shown(configuration, "token_type"),
        replication.to_owned(),
        truth(method, "seal_wrap"),
        truth(method, "external_entropy_access"),
        method.get("options").filter(|options| !options.is_null()).map_or_else(|| "map[]".to_owned(), output::plain),
        shown(method, "description"),
        shown(method, "uuid"),
        shown(method, "plugin_version"),
        shown(method, "running_plugin_version"),
        shown(method, "deprecation_status"),
    ]
}

fn shown(value: &Value, name: &str) -> String {
    value.get(name).filter(|member| !member.is_null()).map(output::plain).unwrap_or_default()
}

fn truth(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_bool).unwrap_or(false).to_string()
}

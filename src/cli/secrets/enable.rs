//! `secrets enable`: mounts a secrets engine.

use super::{
    DEFAULT_TTL, DESCRIPTION, MAX_TTL, OPTIONS, PASSTHROUGH, REQUEST_KEYS, RESPONSE_HEADERS, RESPONSE_KEYS, VERSION,
    VISIBILITY, checked, configuration, options,
};
use crate::cli::command::{Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Invocation, Outcome, console, output};
use serde_json::{Value, json};

pub const COMMAND: Command = Command {
    name: "secrets enable",
    summary: "Mount a secrets engine at a path",
    arguments: "TYPE",
    takes: (1, 1),
    about: "Mounts a secrets engine. Without -path it is mounted under the name of its kind. The path must be free. Needs \
            to be configured afterwards: \"path-help\" at its path tells how.",
    examples: &[
        ("Mount the AWS engine at aws/:", "secrets enable aws"),
        ("Mount it somewhere else, with leases of at most a day:", "secrets enable -path=cloud -max-lease-ttl=24h aws"),
        ("Mount a store for secrets:", "secrets enable -path=secret -description=\"Secrets of the team\" kv"),
        ("Mount one that keeps earlier versions:", "secrets enable -path=secret -version=2 kv"),
    ],
    flags: &[
        Flag::text("path", "Where to mount it. The default is the name of its kind."),
        DESCRIPTION,
        DEFAULT_TTL,
        MAX_TTL,
        VISIBILITY,
        REQUEST_KEYS,
        RESPONSE_KEYS,
        PASSTHROUGH,
        RESPONSE_HEADERS,
        OPTIONS,
        VERSION,
        Flag::bool("force-no-cache", "Do not cache what the engine stores."),
        Flag::bool("local", "Mark the mount as local to one cluster."),
        Flag::bool("seal-wrap", "Wrap what the engine stores with the seal, where the server can."),
        Flag::text("plugin-version", "The version of the plug-in to run, on servers that have plug-ins."),
    ],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let kind = invocation.argument(0).trim();
    let path = checked(invocation.given("path").filter(|path| !path.is_empty()).unwrap_or(kind))?;
    let mut configuration = configuration(invocation);
    if let Some(version) = invocation.given("plugin-version") {
        configuration.insert("plugin_version".to_owned(), Value::from(version));
    }
    let mut body = json!({
        "type": kind,
        "description": invocation.given("description").unwrap_or_default(),
        "config": configuration,
        "local": invocation.is_set("local"),
        "seal_wrap": invocation.is_set("seal-wrap"),
    });
    let options = options(invocation);
    if !options.is_empty() {
        body["options"] = Value::Object(options);
    }
    let answer = invocation.client()?.post(&format!("sys/mounts/{}", path.trim_end_matches('/')), body);
    let answer = answer.map_err(|failure| failure.context("Error enabling"))?;
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Enabled the {kind} secrets engine at: {path}"));
    Ok(Exit::SUCCESS)
}

//! `auth enable`: mounts an auth method.

use super::{
    DEFAULT_TTL, DESCRIPTION, MAX_TTL, OPTIONS, PASSTHROUGH, PLUGIN_VERSION, REQUEST_KEYS, RESPONSE_HEADERS,
    RESPONSE_KEYS, TOKEN_TYPE, VERSION, VISIBILITY, checked, configuration, options,
};
use crate::cli::command::{Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Invocation, Outcome, console, output};
use serde_json::{Value, json};

pub const COMMAND: Command = Command {
    name: "auth enable",
    summary: "Mount an auth method at a path",
    arguments: "TYPE",
    takes: (1, 1),
    about: "Mounts an auth method below auth/. Without -path it is mounted under the name of its kind. The path must be free. \
            Needs to be configured afterwards: \"path-help\" at its path tells how. Needs sudo on sys/auth.",
    examples: &[
        ("Let people sign in with names and passwords:", "auth enable userpass"),
        (
            "Mount the same somewhere else, with tokens of at most a day:",
            "auth enable -path=staff -max-lease-ttl=24h userpass",
        ),
    ],
    flags: &[
        Flag::text("path", "Where to mount it, below auth/. The default is the name of its kind."),
        DESCRIPTION,
        DEFAULT_TTL,
        MAX_TTL,
        TOKEN_TYPE,
        VISIBILITY,
        REQUEST_KEYS,
        RESPONSE_KEYS,
        PASSTHROUGH,
        RESPONSE_HEADERS,
        OPTIONS,
        VERSION,
        PLUGIN_VERSION,
        Flag::bool("local", "Mark the mount as local to one cluster."),
        Flag::bool("seal-wrap", "Wrap what the method stores with the seal, where the server can."),
    ],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let kind = invocation.argument(0).trim();
    let path = checked(invocation.given("path").filter(|path| !path.is_empty()).unwrap_or(kind))?;
    let mut body = json!({
        "type": kind,
        "description": invocation.given("description").unwrap_or_default(),
        "config": configuration(invocation),
        "local": invocation.is_set("local"),
        "seal_wrap": invocation.is_set("seal-wrap"),
    });
    let options = options(invocation);
    if !options.is_empty() {
        body["options"] = Value::Object(options);
    }
    let answer = invocation.client()?.post(&format!("sys/auth/{}", path.trim_end_matches('/')), body);
    let answer = answer.map_err(|failure| failure.context(format!("Error enabling {kind} auth")))?;
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Enabled {kind} auth method at: {path}"));
    Ok(Exit::SUCCESS)
}

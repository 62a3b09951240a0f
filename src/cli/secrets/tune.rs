//! `secrets tune`: changes the settings of a mounted engine.

use super::{
    DEFAULT_TTL, DESCRIPTION, MAX_TTL, OPTIONS, PASSTHROUGH, REQUEST_KEYS, RESPONSE_HEADERS, RESPONSE_KEYS, VERSION,
    VISIBILITY, checked, configuration, options,
};
use crate::cli::command::{Command, HTTP};
use crate::cli::{Exit, Invocation, Outcome, console, output};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "secrets tune",
    summary: "Change the settings of a mounted secrets engine",
    arguments: "PATH",
    takes: (1, 1),
    about: "Changes settings of the secrets engine at a path. What is not given stays as it is. New limits hold for leases \
            that are made or renewed from now on.",
    examples: &[
        ("Let leases last two days at most:", "secrets tune -max-lease-ttl=48h aws/"),
        ("Go back to the server's own limit:", "secrets tune -max-lease-ttl=system aws/"),
    ],
    flags: &[
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
    ],
    shares: &[&HTTP],
    run,
};

fn run(invocation: &Invocation) -> Outcome {
    let path = checked(invocation.argument(0))?;
    let mut body = configuration(invocation);
    if let Some(description) = invocation.given("description") {
        body.insert("description".to_owned(), Value::from(description));
    }
    let options = options(invocation);
    if !options.is_empty() {
        body.insert("options".to_owned(), Value::Object(options));
    }
    let endpoint = format!("sys/mounts/{}/tune", path.trim_end_matches('/'));
    let answer = invocation.client()?.post(&endpoint, Value::Object(body));
    let answer = answer.map_err(|failure| failure.context(format!("Error tuning secrets engine {path}")))?;
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Tuned the secrets engine at: {path}"));
    Ok(Exit::SUCCESS)
}

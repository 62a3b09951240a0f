//! `auth tune`: changes the settings of a mounted method.

use super::{
    DEFAULT_TTL, DESCRIPTION, MAX_TTL, OPTIONS, PASSTHROUGH, PLUGIN_VERSION, REQUEST_KEYS, RESPONSE_HEADERS,
    RESPONSE_KEYS, TOKEN_TYPE, VERSION, VISIBILITY, checked, configuration, options,
};
use crate::cli::command::{Command, HTTP};
use crate::cli::flags::Flag;
use crate::cli::{Exit, Invocation, Outcome, console, output};
use serde_json::Value;

pub const COMMAND: Command = Command {
    name: "auth tune",
    summary: "Change the settings of a mounted auth method",
    arguments: "PATH",
    takes: (1, 1),
    about: "Changes settings of the auth method at a path below auth/. What is not given stays as it is. New limits hold for \
            tokens that are given or renewed from now on. Needs sudo on sys/auth.",
    examples: &[
        ("Let tokens live a day at most:", "auth tune -max-lease-ttl=24h userpass/"),
        ("Go back to the server's own limit:", "auth tune -max-lease-ttl=system userpass/"),
    ],
    flags: &[
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
        Flag::number("user-lockout-threshold", "After how many wrong passwords a user is locked out."),
        Flag::duration("user-lockout-duration", "For how long a user is locked out."),
        Flag::duration("user-lockout-counter-reset-duration", "After what time wrong passwords are forgotten."),
        Flag::bool("user-lockout-disable", "Lock nobody out."),
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
    let endpoint = format!("sys/auth/{}/tune", path.trim_end_matches('/'));
    let answer = invocation.client()?.post(&endpoint, Value::Object(body));
    let answer = answer.map_err(|failure| failure.context(format!("Error tuning auth method {path}")))?;
    answer.iter().for_each(output::warnings);
    console::line(format!("Success! Tuned the auth method at: {path}"));
    Ok(Exit::SUCCESS)
}

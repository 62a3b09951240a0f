//! `auth …`: the auth methods, by which people and programs sign in, and where they are mounted.

pub mod disable;
pub mod enable;
pub mod help;
pub mod list;
pub mod remount;
pub mod tune;

use crate::cli::command::Group;
use crate::cli::flags::{Flag, parse_bool};
use crate::cli::invocation::mount_path;
use crate::cli::{Failure, Invocation};
use serde_json::{Map, Value, json};

pub const GROUP: Group = Group {
    name: "auth",
    summary: "Enable, list, tune, move and disable auth methods",
    about: "Auth methods give tokens to people and programs that show who they are. Each is mounted at a path below auth/; one \
            kind can be mounted more than once. \"login\" signs in by one of them.",
};

const DESCRIPTION: Flag = Flag::text("description", "What the method is for, in words for people.");
const DEFAULT_TTL: Flag =
    Flag::ttl("default-lease-ttl", "How long tokens of this method live when nothing else is said; or \"system\".");
const MAX_TTL: Flag = Flag::ttl("max-lease-ttl", "How long tokens of this method may live at most; or \"system\".");
const VISIBILITY: Flag = Flag::text(
    "listing-visibility",
    "Whether user interfaces may list the method before signing in: \"unauth\" or \"hidden\".",
);
const REQUEST_KEYS: Flag =
    Flag::list("audit-non-hmac-request-keys", "A field of requests that the audit log shows in clear.");
const RESPONSE_KEYS: Flag =
    Flag::list("audit-non-hmac-response-keys", "A field of answers that the audit log shows in clear.");
const PASSTHROUGH: Flag = Flag::list("passthrough-request-headers", "A header of requests that the method may see.");
const RESPONSE_HEADERS: Flag = Flag::list("allowed-response-headers", "A header that the method may set in answers.");
const OPTIONS: Flag = Flag::pairs("options", "An option of the method.");
const VERSION: Flag = Flag::text("version", "The version of the method, where it has versions.");
const PLUGIN_VERSION: Flag = Flag::text("plugin-version", "The version of the plug-in, on servers that have plug-ins.");
const TOKEN_TYPE: Flag = Flag::text(
    "token-type",
    "The kind of tokens that the method gives: service, batch, default-service or default-batch.",
);

/// What `enable` puts into a mount's `config` and `tune` sends as it is: the flags that were given, no others.
fn configuration(invocation: &Invocation) -> Map<String, Value> {
    let mut configuration = Map::new();
    for flag in ["default-lease-ttl", "max-lease-ttl", "listing-visibility", "token-type", "plugin-version"] {
        if let Some(text) = invocation.given(flag) {
            configuration.insert(flag.replace('-', "_"), Value::from(text));
        }
    }
    for flag in [
        "audit-non-hmac-request-keys",
        "audit-non-hmac-response-keys",
        "passthrough-request-headers",
        "allowed-response-headers",
    ] {
        if !invocation.list(flag).is_empty() {
            configuration.insert(flag.replace('-', "_"), json!(invocation.list(flag)));
        }
    }
    let mut lockout = Map::new();
    for (flag, name) in [
        ("user-lockout-threshold", "lockout_threshold"),
        ("user-lockout-duration", "lockout_duration"),
        ("user-lockout-counter-reset-duration", "lockout_counter_reset"),
    ] {
        lockout.extend(invocation.given(flag).map(|text| (name.to_owned(), Value::from(text))));
    }
    if let Some(disable) = invocation.given("user-lockout-disable").and_then(parse_bool) {
        lockout.insert("lockout_disable".to_owned(), Value::Bool(disable));
    }
    if !lockout.is_empty() {
        configuration.insert("user_lockout_config".to_owned(), Value::Object(lockout));
    }
    configuration
}

/// The options of a method; its version is one of them.
fn options(invocation: &Invocation) -> Map<String, Value> {
    let given = invocation.pairs("options").chain(invocation.given("version").map(|version| ("version", version)));
    given.map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

/// A path below `auth/`, whether that was said or not; one that is none is refused.
fn checked(path: &str) -> Result<String, Failure> {
    let path = mount_path(path);
    match path.strip_prefix("auth/").unwrap_or(&path) {
        "" | "/" => Err(Failure::local("The path of an auth method must not be empty.")),
        below => Ok(below.to_owned()),
    }
}

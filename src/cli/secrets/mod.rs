//! `secrets …`: the secrets engines and where they are mounted.

pub mod disable;
pub mod enable;
pub mod list;
pub mod remount;
pub mod tune;

use crate::cli::command::Group;
use crate::cli::flags::{Flag, parse_bool};
use crate::cli::{Failure, Invocation};
use serde_json::{Map, Value, json};

pub const GROUP: Group = Group {
    name: "secrets",
    summary: "Enable, list, tune, move and disable secrets engines",
    about: "Secrets engines store secrets or make them. Each is mounted at a path, below which it answers; one kind can be \
            mounted more than once.",
};

const DESCRIPTION: Flag = Flag::text("description", "What the engine is for, in words for people.");
const DEFAULT_TTL: Flag =
    Flag::ttl("default-lease-ttl", "How long leases of this engine last when nothing else is said; or \"system\".");
const MAX_TTL: Flag = Flag::ttl("max-lease-ttl", "How long leases of this engine may last at most; or \"system\".");
const VISIBILITY: Flag = Flag::text(
    "listing-visibility",
    "Whether user interfaces may list the engine before signing in: \"unauth\" or \"hidden\".",
);
const REQUEST_KEYS: Flag =
    Flag::list("audit-non-hmac-request-keys", "A field of requests that the audit log shows in clear.");
const RESPONSE_KEYS: Flag =
    Flag::list("audit-non-hmac-response-keys", "A field of answers that the audit log shows in clear.");
const PASSTHROUGH: Flag = Flag::list("passthrough-request-headers", "A header of requests that the engine may see.");
const RESPONSE_HEADERS: Flag = Flag::list("allowed-response-headers", "A header that the engine may set in answers.");
const OPTIONS: Flag = Flag::pairs("options", "An option of the engine.");
const VERSION: Flag = Flag::text("version", "The version of the engine, where it has versions (kv).");

/// What `enable` puts into a mount's `config` and `tune` sends as it is: the flags that were given, no others.
fn configuration(invocation: &Invocation) -> Map<String, Value> {
    let mut configuration = Map::new();
    for (flag, name) in [
        ("default-lease-ttl", "default_lease_ttl"),
        ("max-lease-ttl", "max_lease_ttl"),
        ("listing-visibility", "listing_visibility"),
    ] {
        if let Some(text) = invocation.given(flag) {
            configuration.insert(name.to_owned(), Value::from(text));
        }
    }
    for (flag, name) in [
        ("audit-non-hmac-request-keys", "audit_non_hmac_request_keys"),
        ("audit-non-hmac-response-keys", "audit_non_hmac_response_keys"),
        ("passthrough-request-headers", "passthrough_request_headers"),
        ("allowed-response-headers", "allowed_response_headers"),
    ] {
        if !invocation.list(flag).is_empty() {
            configuration.insert(name.to_owned(), json!(invocation.list(flag)));
        }
    }
    if let Some(force) = invocation.given("force-no-cache").and_then(parse_bool) {
        configuration.insert("force_no_cache".to_owned(), Value::Bool(force));
    }
    configuration
}

/// The options of an engine; its version is one of them.
fn options(invocation: &Invocation) -> Map<String, Value> {
    let given = invocation.pairs("options").chain(invocation.given("version").map(|version| ("version", version)));
    given.map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

/// Refuses a mount path that is none.
fn checked(path: &str) -> Result<String, Failure> {
    let path = crate::cli::invocation::mount_path(path);
    if path == "/" { Err(Failure::local("The path of a mount must not be empty.")) } else { Ok(path) }
}

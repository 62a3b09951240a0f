//! KV version 1: values under names, one version of each, kept exactly as they were written. Versioned data (version 2) is
//! not in here.
//!
//! Invariant: what is read is what was last written, key for key, numbers digit for digit; only its name tells where it is.

mod data;
#[cfg(test)]
mod tests;

use crate::base::{Error, Result};
use crate::logical::{Ctx, Engine, Map, Route};
use serde_json::Value;

pub static ENGINE: Engine = Engine {
    name: "kv",
    summary: "Keeps values under names, one version of each.",
    help: HELP,
    routes: ROUTES,
    ..Engine::BLANK
};

/// The same engine by the name that it had first.
pub static GENERIC: Engine = Engine { name: "generic", ..ENGINE };

static ROUTES: &[&Route<Ctx>] = &[&data::TOP, &data::ROUTE];

const HELP: &str = "\
Keeps whatever is written to a path and gives it back when the path is read.

The body of a write is the value: any keys, any JSON. A write replaces what was there. A key named \"ttl\" tells the readers
how soon to come back for the value: it is answered as the lease's duration, and nothing expires by it. These answers carry
no lease that could be renewed or revoked.";

/// Checks a mount's options when it is enabled or tuned.
///
/// # Errors
/// `BadRequest` naming the version that is not served.
pub fn check_options(options: &Map) -> Result<()> {
    let version = match options.get("version") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match version.as_str() {
        "" | "1" => Ok(()),
        "2" => Err(Error::bad_request("kv version 2 is not served yet: enable the mount with version=1")),
        other => Err(Error::bad_request(format!("option \"version\" of a kv mount is 1, not {other:?}"))),
    }
}

//! `config`: the settings that hold for every key of a mount.

use super::store;
use crate::base::{Error, Result, duration};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "config",
    fields: &[
        MAX_VERSIONS,
        Field::flag(
            "cas_required",
            "Whether each write must say, by the option cas, which version it expects to be the current one.",
        ),
        Field::text(
            "delete_version_after",
            "How long after it was written a version is deleted, as 90 or 768h. 0s: never, unless the key says so; -1s: \
             never, whatever the key says.",
        ),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Shows the settings."),
        Action::new(Operation::Update, write, "Changes the settings that are given."),
    ],
    exists: None,
    summary: "The settings that hold for every key.",
    help: "What a key's own metadata sets adds to these: the larger number of versions and the shorter time count, and a \
           check that either asks for is made.",
    flags: ORDINARY,
};

/// Also a field of a key's metadata.
pub const MAX_VERSIONS: Field =
    Field::integer("max_versions", "How many versions of a key are kept: the oldest go first. 0: ten.");

/// Never to delete a version by its age, whatever its key says.
const NEVER: i64 = -1;

#[derive(Default, Clone, Serialize, Deserialize)]
pub struct Config {
    pub max_versions: u64,
    pub cas_required: bool,
    /// Seconds; 0: not set, -1: [`NEVER`].
    pub delete_version_after: i64,
}

fn read(ctx: &mut Ctx, _: &Input) -> Result<Response> {
    let config = ctx.read(|records| store::config(records))?;
    let after = u64::try_from(config.delete_version_after).map_or_else(|_| "-1s".to_owned(), duration::long);
    Ok(Response::json(json!({
        "cas_required": config.cas_required,
        "delete_version_after": after,
        "max_versions": config.max_versions,
    })))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let max_versions = max_versions(input)?;
    let after = input.text("delete_version_after").map(|text| signed_seconds(&text)).transpose()?;
    ctx.write(|records| {
        let before = store::config(records)?;
        let config = Config {
            max_versions: max_versions.unwrap_or(before.max_versions),
            cas_required: input.flag("cas_required").unwrap_or(before.cas_required),
            delete_version_after: after.unwrap_or(before.delete_version_after),
        };
        store::put_config(records, &config)
    })?;
    Ok(Response::empty())
}

/// # Errors
/// `BadRequest` for less than none.
pub fn max_versions(input: &Input) -> Result<Option<u64>> {
    let wrong =
        |_| Error::bad_request("max_versions is a number of versions, or 0 for the default: it cannot be negative");
    input.integer("max_versions").map(u64::try_from).transpose().map_err(wrong)
}

fn signed_seconds(text: &str) -> Result<i64> {
    match text.trim().strip_prefix('-') {
        Some(length) if duration::parse(length)?.is_zero() => Ok(0),
        Some(_) => Ok(NEVER),
        None if text.trim().is_empty() => Ok(0),
        None => Ok(i64::try_from(duration::parse(text)?.as_secs()).unwrap_or(i64::MAX)),
    }
}

//! `sys/wrapping/lookup`: what a wrapping token tells of itself without being spent.

use super::{TOKEN, meant};
use crate::base::Result;
use crate::core::Call;
use crate::logical::route::{Flags, PUBLIC};
use crate::logical::{Action, Input, Operation, Response, Route};
use serde_json::json;

pub static LOOKUP: Route<Call> = Route {
    pattern: "wrapping/lookup",
    fields: &[TOKEN],
    actions: &[
        Action::new(Operation::Read, lookup, "Shows the wrapping token that the request is made with."),
        Action::new(Operation::Update, lookup, "Shows a wrapping token."),
    ],
    exists: None,
    summary: "Shows where a wrapping token comes from.",
    help: "When it was made, for how long, and by the answer of which path. Whoever is given a wrapping token looks first \
           whether the path is the expected one: another path means that somebody has seen what is inside. Needs no other \
           token, and does not spend this one.",
    flags: Flags { takes_wrapping: true, ..PUBLIC },
};

fn lookup(call: &mut Call, input: &Input) -> Result<Response> {
    let lease = call.live()?.wrapping_token(&meant(call, input)?)?;
    let record = lease.token()?;
    Ok(Response::json(json!({
        "creation_path": record.path,
        "creation_time": lease.row.issued.rfc3339(),
        "creation_ttl": record.creation_ttl,
    })))
}

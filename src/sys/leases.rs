//! `sys/leases`: looking leases up, listing and counting them. Renewing and revoking are files of their own.

pub mod count;
pub mod names;
pub mod owner;
pub mod reconcile;
pub mod revoke_alias;
pub mod revoke_entity;
pub mod revoke_role;
pub mod targets;
pub mod tidy;
pub mod tree;
pub mod why;

use crate::base::{Error, Result, Timestamp};
use crate::core::leases::Lease;
use crate::core::renewal::Found;
use crate::core::{Call, Live};
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use crate::policy;
use crate::storage::LeaseKind;
use serde_json::{Value, json};

pub static LOOKUP: Route<Call> = Route {
    pattern: "leases/lookup",
    fields: &[Field::text("lease_id", "The lease to look up.")],
    actions: &[
        Action::new(
            Operation::Update,
            lookup,
            "Shows when a lease was issued, when it ends, and whether it can be renewed.",
        ),
        Action::new(Operation::List, list_top, "Lists the first folders of lease ids; needs sudo."),
    ],
    exists: None,
    summary: "Shows a lease.",
    help: "A lease is found by the last part of its id, so that the id stays good when its mount is moved. One that \
           has ended is shown for as long as its credential is not: its state, how often that was tried, when it is tried \
           next, and why it failed.",
    flags: ORDINARY,
};

pub static LIST: Route<Call> = Route {
    pattern: "leases/lookup/{prefix..}",
    fields: &[Field::text("prefix", "The folder of lease ids to list, as aws/creds/support.")],
    actions: &[Action::new(Operation::List, list, "Lists the leases and folders under a prefix.")],
    exists: None,
    summary: "Lists leases under a prefix.",
    help: "A name that ends in a slash is a folder; any other is the last part of a lease's id.",
    flags: SUDO,
};

pub static LEASES: Route<Call> = Route {
    pattern: "leases",
    fields: &[
        count::TYPE,
        Field::text("limit", "How many to list: a number, or none for all. 10000 when not given."),
        Field::flag("force", "List all of them, however many they are."),
        count::NAMESPACES,
    ],
    actions: &[Action::new(Operation::Read, list_in_state, "Lists leases by their state, or counts all.")],
    exists: None,
    summary: "Lists the leases that are in one state.",
    help: "With type=irrevocable: the leases whose credentials could not be ended in several tries, and why. They are tried \
           again slowly, and at once when their target answers. Without type: as leases/count.",
    flags: SUDO,
};

/// Leases listed at once unless more are asked for.
const MOST_LISTED: usize = 10_000;

fn lookup(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let id = input.text("lease_id").filter(|id| !id.is_empty());
    let found = live.find_lease(&id.ok_or_else(|| Error::bad_request("lease_id must be specified"))?)?;
    // A dead token has nothing outside that is still to be ended.
    if found.lease.row.kind == LeaseKind::Token && !live.is_alive(&found.lease)? {
        return Err(Error::bad_request("invalid lease"));
    }
    Ok(Response::data(live.describe(&found)?))
}

/// The route is shared with looking up, which needs no sudo.
fn list_top(call: &mut Call, _input: &Input) -> Result<Response> {
    if !call.identity()?.acl.allows(&call.path, policy::Operation::List, true).is_allowed() {
        return Err(Error::permission_denied());
    }
    keys(call, "")
}

fn list(call: &mut Call, input: &Input) -> Result<Response> {
    keys(call, &input.required("prefix")?)
}

fn keys(call: &Call, prefix: &str) -> Result<Response> {
    let keys = call.live()?.list_leases(prefix)?;
    if keys.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(keys)) }
}

fn list_in_state(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let Some(state) = count::meant(input)? else { return count::counted(live, None) };
    let limit = limit(input)?;
    let mut listed = Vec::new();
    let whole = live.each_in_state(state, |found| {
        let has_room = listed.len() < limit;
        if has_room {
            listed.push(shown(live, &found));
        }
        has_room
    })?;
    let response = Response::json(json!({ "lease_count": listed.len(), "leases": listed }));
    Ok(if whole {
        response
    } else {
        response.warn("There are more such leases than the limit. To list them all, ask again with force set to true.")
    })
}

fn shown(live: &Live, found: &Found) -> Value {
    let Lease { row, payload } = &found.lease;
    let moment = |moment: Option<Timestamp>| moment.map_or(Value::Null, |moment| Value::from(moment.rfc3339()));
    // The target's silence is why nothing was tried of late.
    let silence = live.targets.silence(&row.lane()).map(|silence| silence.reason);
    let error = payload.last_error.clone().or(silence);
    json!({
        "lease_id": found.id,
        "mount_id": found.mount.accessor,
        "error": error.unwrap_or_default(),
        "attempts": row.attempts,
        "next_attempt": moment(row.due),
        "expire_time": moment(row.expires),
        "subject": payload.secret.as_ref().map(|secret| secret.subject.as_str()),
        "target": payload.secret.as_ref().map(|secret| secret.target.as_str()),
    })
}

fn limit(input: &Input) -> Result<usize> {
    let given = input.text("limit").unwrap_or_default();
    if input.flag("force") == Some(true) || given.eq_ignore_ascii_case("none") {
        return Ok(usize::MAX);
    }
    if given.is_empty() {
        return Ok(MOST_LISTED);
    }
    let number = given.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Error::bad_request("limit must be 'none' or a positive integer"))
}

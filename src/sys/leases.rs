//! `sys/leases`: looking leases up, listing and counting them. Renewing and revoking are files of their own.

pub mod names;
pub mod owner;
pub mod revoke_entity;
pub mod revoke_role;
pub mod tree;
pub mod why;

use crate::base::{Error, Result};
use crate::core::{Call, leases};
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use crate::policy;
use crate::storage::LeaseState;
use serde_json::json;
use std::collections::BTreeMap;

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
    help: "A lease is found by the last part of its id, so that the id stays good when its mount is moved. A lease that has \
           ended is not shown, even while its credential is still being removed.",
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

pub static COUNT: Route<Call> = Route {
    pattern: "leases/count",
    fields: COUNT_FIELDS,
    actions: &[Action::new(Operation::Read, count, "Counts the leases of each mount.")],
    exists: None,
    summary: "Counts leases.",
    help: "Every lease counts until its credential is gone, tokens included.",
    flags: ORDINARY,
};

pub static LEASES: Route<Call> = Route {
    pattern: "leases",
    fields: COUNT_FIELDS,
    actions: &[Action::new(Operation::Read, count, "Counts the leases of each mount.")],
    exists: None,
    summary: "Counts leases.",
    help: "As leases/count. Every lease counts until its credential is gone, tokens included.",
    flags: SUDO,
};

const COUNT_FIELDS: &[Field] =
    &[Field::text("type", "irrevocable: count only those whose credential could not be ended in several tries.")];

fn lookup(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let id = input.text("lease_id").filter(|id| !id.is_empty());
    let found = live.find_lease(&id.ok_or_else(|| Error::bad_request("lease_id must be specified"))?)?;
    if !live.is_alive(&found.lease)? {
        return Err(Error::bad_request("invalid lease"));
    }
    let mut data = leases::describe(&found.lease, &found.id, live.now());
    let kind = found.lease.payload.secret.as_ref().map(|secret| secret.kind.as_str());
    if kind.and_then(|kind| live.engine(&found.mount).ok()?.secret(kind)).is_some_and(|kind| kind.expires_only) {
        data.insert("revocation".to_owned(), "expires only".into());
    }
    Ok(Response::data(data))
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

fn count(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let only = match input.text("type").as_deref() {
        None | Some("") => None,
        Some("irrevocable") => Some(LeaseState::Irrevocable),
        Some(_) => return Err(Error::bad_request("type takes irrevocable, or nothing for all leases")),
    };
    let mounts = live.mounts();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for row in live.storage.reading(|snapshot| snapshot.lease_counts())? {
        if only.is_none_or(|state| state == row.state) {
            let path =
                mounts.by_hash(&row.mount).map_or_else(|| "(unknown mount)".to_owned(), |mount| mount.path.clone());
            *counts.entry(path).or_default() += row.count;
        }
    }
    Ok(Response::json(json!({ "lease_count": counts.values().sum::<u64>(), "counts": counts })))
}

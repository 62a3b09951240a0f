//! `sys/quotas/lease-count`: how many leases may live.

use super::{INHERITABLE, NAME, PATH, choice, find, inheritable, names, scope, word};
use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::quotas::{CountBy, Kind, LeaseCount};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::json;

pub static LIST: Route<Call> = Route {
    pattern: "quotas/lease-count",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "Lists the names of all lease counts.")],
    exists: None,
    summary: "Lists the names of all lease counts.",
    help: "Lease counts whose mount is gone are gone with it. The built-in limit of each mount has no name and is not listed.",
    flags: ORDINARY,
};

pub static QUOTA: Route<Call> = Route {
    pattern: "quotas/lease-count/{name}",
    fields: &[
        NAME,
        PATH,
        Field::integer("max_leases", "How many leases may live at once."),
        Field::text("role", "Count the leases of this role alone; path is the role's mount.").default(""),
        INHERITABLE,
        Field::text(
            "group_by",
            "Who shares the allowance: none (all share it), role (each role of the mount has one of its own), entity (each \
             entity has one; callers without an entity share one).",
        )
        .default("none"),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Shows a lease count, and how many leases it counts now."),
        Action::new(Operation::Update, write, "Makes a lease count, or replaces it as a whole."),
        Action::new(Operation::Delete, delete, "Deletes a lease count."),
    ],
    exists: None,
    summary: "How many leases may live.",
    help: "A request for one more is answered 429. A lease counts until its credential is gone, so those that are being \
           ended or cannot be ended count, too. Of all lease counts that a request falls under, the most specific one \
           counts: a role before a path, a path before a mount, a mount before the whole server.\n\n\
           Besides, a mount that makes credentials outside holds 10000 leases at most, for as long as there is no lease \
           count for exactly this mount: write one with another max_leases to change that. Tokens have no such limit.",
    flags: ORDINARY,
};

fn list(call: &mut Call, _input: &Input) -> Result<Response> {
    let live = call.live()?;
    names(live, &live.quotas.table().lease_counts)
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let table = live.quotas.table();
    let (quota, path) = find(live, &table.lease_counts, input)?;
    Ok(Response::json(json!({
        "type": Kind::LeaseCount.name(),
        "name": quota.name,
        "path": path,
        "role": quota.scope.role,
        "max_leases": quota.max_leases,
        "counter": live.counter(quota)?,
        "inheritable": quota.inheritable,
        "group_by": word(&quota.group_by),
    })))
}

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let max_leases = input.integer("max_leases").and_then(|max| u64::try_from(max).ok()).filter(|max| *max > 0);
    let scope = scope(live, Kind::LeaseCount, input)?;
    let group_by: CountBy = choice(input, "group_by", "none, role, entity")?;
    if group_by == CountBy::Role && (scope.mount.is_none() || !scope.suffix.is_empty()) {
        return Err(Error::bad_request("group_by=role needs the path of a mount, without what follows it"));
    }
    if group_by != CountBy::None && !scope.role.is_empty() || group_by == CountBy::Entity && !scope.suffix.is_empty() {
        return Err(Error::bad_request(
            "group_by goes with the whole server or a mount, not with a role or a longer path",
        ));
    }
    live.put_lease_count(&LeaseCount {
        name: input.required("name")?,
        inheritable: inheritable(input, &scope)?,
        scope,
        max_leases: max_leases
            .ok_or_else(|| Error::bad_request("'max_leases' is invalid: it is a number of leases above 0"))?,
        group_by,
    })?;
    Ok(Response::empty())
}

fn delete(call: &mut Call, input: &Input) -> Result<Response> {
    call.live()?.delete_quota(Kind::LeaseCount, &input.required("name")?)?;
    Ok(Response::empty())
}

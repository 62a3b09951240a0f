//! `sys/leases/count`: how many leases there are, by mount and by the state they are in.

use crate::base::{Error, Result};
use crate::core::{Call, Live};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use crate::storage::{Hash, LeaseState};
use serde_json::json;
use std::collections::BTreeMap;

/// Which leases are meant.
pub const TYPE: Field = Field::text(
    "type",
    "irrevocable: only those whose credential could not be ended in several tries. Also pending, active and revoking.",
);

pub const NAMESPACES: Field = Field::flag("include_child_namespaces", "Without effect: there are no namespaces.");

pub static COUNT: Route<Call> = Route {
    pattern: "leases/count",
    fields: &[TYPE, NAMESPACES],
    actions: &[Action::new(Operation::Read, count, "Counts the leases of each mount.")],
    exists: None,
    summary: "Counts leases.",
    help: "Every lease counts until its credential is gone, tokens included. counts goes by the mounts' accessors, \
           counts_by_path by their paths.",
    flags: ORDINARY,
};

fn count(call: &mut Call, input: &Input) -> Result<Response> {
    counted(call.live()?, meant(input)?)
}

/// The state that is asked for; none for all.
///
/// # Errors
/// `BadRequest` for what is no state.
pub fn meant(input: &Input) -> Result<Option<LeaseState>> {
    match input.text("type").unwrap_or_default().to_lowercase().as_str() {
        "" => Ok(None),
        "irrevocable" => Ok(Some(LeaseState::Irrevocable)),
        "pending" => Ok(Some(LeaseState::Pending)),
        "active" => Ok(Some(LeaseState::Active)),
        "revoking" => Ok(Some(LeaseState::Revoking)),
        _ => Err(Error::bad_request(
            "type takes irrevocable, revoking, active or pending, or nothing for the number of all leases",
        )),
    }
}

/// The answer that counts leases of this state, or all.
pub(super) fn counted(live: &Live, only: Option<LeaseState>) -> Result<Response> {
    let (mut by_accessor, mut by_path): (BTreeMap<_, u64>, BTreeMap<_, u64>) = Default::default();
    for row in live.storage.reading(|snapshot| snapshot.lease_counts())? {
        if only.is_none_or(|state| state == row.state) {
            let (path, accessor) = mount(live, &row.mount);
            *by_path.entry(path).or_default() += row.count;
            *by_accessor.entry(accessor).or_default() += row.count;
        }
    }
    Ok(Response::json(json!({
        "lease_count": by_path.values().sum::<u64>(),
        "counts": by_accessor,
        "counts_by_path": by_path,
    })))
}

/// A mount's path and accessor.
pub(super) fn mount(live: &Live, mount: &Hash) -> (String, String) {
    let unknown = || ("(unknown mount)".to_owned(), "(unknown mount)".to_owned());
    live.mounts().by_hash(mount).map_or_else(unknown, |mount| (mount.path.clone(), mount.accessor.clone()))
}

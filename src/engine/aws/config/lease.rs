//! `config/lease`: how long the leases of users live. STS sessions have their own limits, in their roles.

use crate::base::{Error, Result, duration};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "config/lease",
    fields: &[
        Field::seconds("lease", "How long a lease lives at first, and how far each renewal carries it: 1h.").required(),
        Field::seconds("lease_max", "How long a lease lives at most, counted from when it was made: 24h.").required(),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show how long leases live."),
        Action::new(Operation::Update, write, "Set how long leases live."),
        Action::new(Operation::Delete, delete, "Go back to the limits of the mount."),
    ],
    exists: None,
    summary: "How long the leases of IAM users live.",
    help: "A lease on an IAM user lives for `lease`, each renewal gives it that long again, and `lease_max` after it was made \
        it ends for good. Renewals go by what is set at that time. Nothing set: the limits of the mount hold, which also cap \
        what is set here.",
    flags: ORDINARY,
};

const RECORD: &str = "config/lease";

/// The record, in seconds.
#[derive(Debug, Serialize, Deserialize)]
struct Lease {
    lease: u64,
    lease_max: u64,
}

/// The limits as they are now: first life, then longest; none where the mount's hold.
///
/// # Errors
/// `Internal` when the record does not open.
pub fn limits(ctx: &Ctx) -> Result<(Option<Duration>, Option<Duration>)> {
    let some = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
    Ok(ctx.load::<Lease>(RECORD)?.map_or((None, None), |set| (some(set.lease), some(set.lease_max))))
}

fn read(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let set: Lease = ctx.load(RECORD)?.ok_or_else(|| Error::not_found(""))?;
    Ok(Response::json(json!({ "lease": duration::long(set.lease), "lease_max": duration::long(set.lease_max) })))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let seconds = |name| {
        input.duration(name).map(|length| length.as_secs()).ok_or_else(|| Error::bad_request(format!("missing {name}")))
    };
    let set = Lease { lease: seconds("lease")?, lease_max: seconds("lease_max")? };
    ctx.store(RECORD, &set)?;
    if set.lease_max > 0 && set.lease > set.lease_max {
        let (lease, most) = (duration::short(set.lease), duration::short(set.lease_max));
        return Ok(Response::empty().warn(format!("lease ({lease}) is longer than lease_max ({most}), which caps it")));
    }
    Ok(Response::empty())
}

fn delete(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    ctx.delete(RECORD)?;
    Ok(Response::empty())
}

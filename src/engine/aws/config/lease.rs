//! `config/lease`: how long the leases of IAM users last.

use crate::base::{Error, Result};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

const RECORD: &str = "config/lease";

/// Seconds; 0: the mount's.
#[derive(Default, Clone, Copy, Serialize, Deserialize)]
pub struct Lease {
    pub lease: u64,
    pub lease_max: u64,
}

impl Lease {
    /// # Errors
    /// `Internal` when the record does not open.
    pub fn load(ctx: &Ctx) -> Result<Self> {
        Ok(ctx.load(RECORD)?.unwrap_or_default())
    }

    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.lease)).filter(|ttl| !ttl.is_zero())
    }

    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.lease_max)).filter(|max| !max.is_zero())
    }
}

pub static ROUTE: Route<Ctx> = Route {
    pattern: "config/lease",
    fields: &[
        Field::seconds("lease", "How long a lease lasts, and a renewal gives.").required(),
        Field::seconds("lease_max", "How long a lease can be renewed, counted from when it was made.").required(),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show how long leases last."),
        Action::new(Operation::Update, write, "Set how long leases last."),
    ],
    exists: None,
    summary: "How long the leases of IAM users last.",
    help: "\"lease\" is what a lease gets when it is made and each time it is renewed; \"lease_max\" is when it ends at the \
           latest. The mount's own limits hold besides.",
    flags: ORDINARY,
};

fn read(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let lease: Lease = ctx.load(RECORD)?.ok_or_else(|| Error::not_found(""))?;
    Ok(Response::json(json!({ "lease": long(lease.lease), "lease_max": long(lease.lease_max) })))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let seconds = |name: &str| {
        let given = input.duration(name).map(|duration| duration.as_secs()).filter(|seconds| *seconds > 0);
        given.ok_or_else(|| {
            Error::bad_request(format!("'{name}' is required and must be longer than nothing, as in {name}=1h"))
        })
    };
    let lease = Lease { lease: seconds("lease")?, lease_max: seconds("lease_max")? };
    if lease.lease > lease.lease_max {
        return Err(Error::bad_request("'lease' must not be longer than 'lease_max'"));
    }
    ctx.store(RECORD, &lease)?;
    Ok(Response::empty())
}

/// Always with all three units, as clients of this path parse it: `1h0m0s`.
fn long(seconds: u64) -> String {
    format!("{}h{}m{}s", seconds / 3600, seconds % 3600 / 60, seconds % 60)
}

//! `sys/leases/revoke`, `revoke-prefix`, `revoke-force` and their older forms without `leases/`.
//!
//! Invariant: whatever the answer, what was named is dead when it is sent; at most its credential is still being ended.

use super::renew::lease_id;
use crate::base::{Error, Result};
use crate::core::{Call, Live};
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Flags, Handler, Input, Operation, Response, Route};
use std::sync::Arc;
use std::time::Instant;

const SYNC: Field = Field::flag(
    "sync",
    "Wait until the credential is ended, and report it if that fails. Without, it goes on after the answer.",
)
.default("true");

const ONE: Kind = Kind {
    fields: &[
        Field::text("lease_id", "The lease to revoke."),
        Field::text("url_lease_id", "The lease to revoke, where it is part of the path."),
        SYNC,
    ],
    actions: &actions(revoke, "Revokes a lease."),
    summary: "Revokes a lease.",
    help: "The lease is dead at once. If its credential cannot be ended now, that is tried again until it succeeds.",
    flags: ORDINARY,
};

const PREFIX: Kind = Kind {
    fields: &[
        Field::text("prefix", "What the ids of the leases begin with, in whole segments: aws/creds/support."),
        SYNC,
    ],
    actions: &actions(revoke_prefix, "Revokes all leases under a prefix."),
    summary: "Revokes all leases under a prefix.",
    help: "All of them are dead at once; then their credentials are ended one by one.",
    flags: SUDO,
};

const FORCE: Kind = Kind {
    fields: &[Field::text("prefix", "What the ids of the leases begin with, in whole segments: aws/creds/support.")],
    actions: &actions(revoke_force, "Revokes all leases under a prefix and forgets those that cannot be ended."),
    summary: "Revokes all leases under a prefix, whatever happens.",
    help: "For a target that is gone for good. A lease whose credential cannot be ended is forgotten, with a line in the \
           server's log: if the target comes back, so does the credential, and it has to be removed by hand.",
    flags: SUDO,
};

pub static REVOKE: Route<Call> = ONE.at("leases/revoke");
pub static REVOKE_URL: Route<Call> = ONE.at("leases/revoke/{url_lease_id..}");
pub static REVOKE_OLDER: Route<Call> = ONE.at("revoke");
pub static REVOKE_OLDER_URL: Route<Call> = ONE.at("revoke/{url_lease_id..}");
pub static REVOKE_PREFIX: Route<Call> = PREFIX.at("leases/revoke-prefix/{prefix..}");
pub static REVOKE_PREFIX_OLDER: Route<Call> = PREFIX.at("revoke-prefix/{prefix..}");
pub static REVOKE_FORCE: Route<Call> = FORCE.at("leases/revoke-force/{prefix..}");
pub static REVOKE_FORCE_OLDER: Route<Call> = FORCE.at("revoke-force/{prefix..}");

/// What the routes of one kind have in common: all but the path.
struct Kind {
    fields: &'static [Field],
    actions: &'static [Action<Call>],
    summary: &'static str,
    help: &'static str,
    flags: Flags,
}

impl Kind {
    const fn at(&self, pattern: &'static str) -> Route<Call> {
        let Self { fields, actions, summary, help, flags } = *self;
        Route { pattern, fields, actions, exists: None, summary, help, flags }
    }
}

const fn actions(run: Handler<Call>, summary: &'static str) -> [Action<Call>; 1] {
    [Action::new(Operation::Update, run, summary)]
}

fn revoke(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let row = live.find_lease(&lease_id(input)?)?.lease.row.id;
    if waits(input) {
        live.revoke_row_now(row)?;
        return Ok(Response::empty());
    }
    live.revoke_row(row)?;
    Ok(Response::empty().accepted())
}

fn revoke_prefix(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let prefix = input.required("prefix")?;
    let rows = if waits(input) { live.leases_under(&prefix)? } else { Vec::new() };
    live.revoke_prefix(&prefix)?;
    if !waits(input) {
        return Ok(Response::empty().accepted());
    }
    let (mut failed, mut reason) = (0_usize, None);
    for (done, row) in rows.iter().enumerate() {
        if Instant::now() >= call.deadline {
            let left = rows.len() - done;
            return Ok(Response::empty()
                .accepted()
                .warn(format!("{left} leases are dead, and their credentials are still being ended")));
        }
        if let Err(error) = live.revoke_row_now(*row) {
            failed += 1;
            reason = Some(error);
        }
    }
    let what = || {
        format!(
            "{failed} of {} leases are dead, but their credentials could not be ended yet; it is tried again",
            rows.len()
        )
    };
    reason.map_or_else(|| Ok(Response::empty()), |error| Err(error.context(what())))
}

fn revoke_force(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let prefix = input.required("prefix")?;
    let rows = live.leases_under(&prefix)?;
    live.revoke_prefix(&prefix)?;
    let mut left_behind = 0_usize;
    for row in rows {
        if let Err(error) = live.revoke_row_now(row) {
            forget(live, row, &error)?;
            left_behind += 1;
        }
    }
    Ok(match left_behind {
        0 => Response::empty(),
        count => Response::empty().warn(format!(
            "{count} credentials could not be ended and may go on working: their leases are forgotten, see the server's log"
        )),
    })
}

fn forget(live: &Arc<Live>, row: i64, reason: &Error) -> Result<()> {
    let Some(row) = live.storage.reading(|snapshot| snapshot.lease(row))? else { return Ok(()) };
    log::warn!("lease {} is forgotten by force, its credential may go on working: {}", row.id, reason.for_log());
    live.storage.writing(|tx| live.delete_lease(tx, &row))
}

fn waits(input: &Input) -> bool {
    input.flag("sync") != Some(false)
}

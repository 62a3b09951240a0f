//! `sys/leases/revoke`, `revoke-prefix`, `revoke-force` and their older forms without `leases/`.
//!
//! Invariant: whatever the answer, what was named is dead when it is sent; at most its credential is still being ended.

use super::renew::lease_id;
use crate::base::{self, Error, Result};
use crate::core::causes::{Cause, Event};
use crate::core::errand::{self, Errand, Left};
use crate::core::plan::{self, DRY_RUN};
use crate::core::selection::Selection;
use crate::core::{Call, Live};
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Flags, Handler, Input, Operation, Response, Route};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

pub(super) const SYNC: Field = Field::flag(
    "sync",
    "Wait until the credential is ended, and report it if that fails. Without, it goes on after the answer.",
)
.default("true");

/// So many of the credentials that are left outside are listed in an answer; the log has all.
const MOST_SHOWN: usize = 1000;

const ONE: Kind = Kind {
    fields: &[
        Field::text("lease_id", "The lease to revoke."),
        Field::text("url_lease_id", "The lease to revoke, where it is part of the path."),
        SYNC,
        DRY_RUN,
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
        DRY_RUN,
    ],
    actions: &actions(revoke_prefix, "Revokes all leases under a prefix."),
    summary: "Revokes all leases under a prefix.",
    help: "All of them are dead at once; then their credentials are ended one by one.",
    flags: SUDO,
};

const FORCE: Kind = Kind {
    fields: &[
        Field::text("prefix", "What the ids of the leases begin with, in whole segments: aws/creds/support."),
        DRY_RUN,
    ],
    actions: &actions(revoke_force, "Revokes all leases under a prefix and forgets those that cannot be ended."),
    summary: "Revokes all leases under a prefix, whatever happens.",
    help: "For a target that is gone for good. Each credential is tried once more, a target that does not answer only once \
           for all; a lease whose credential cannot be ended is dropped. The answer says what that leaves outside, and so \
           does the server's log: if the target comes back, so do these credentials, and they have to be removed by hand.",
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
    let found = live.find_lease(&lease_id(input)?);
    // What is gone need not be ended any more, as the reference has it.
    if found.as_ref().is_err_and(|error| error.kind() == base::Kind::BadRequest) && !plan::is_asked_for(input) {
        return Ok(if waits(input) { Response::empty() } else { Response::empty().accepted() });
    }
    let row = found?.lease.row.id;
    if plan::is_asked_for(input) {
        return live.plan(&Selection::One(row), call.deadline);
    }
    if waits(input) {
        Errand::new(live, call.cause(Event::Revoked)).end(row)?;
        return Ok(Response::empty());
    }
    live.revoke_row(row, &call.cause(Event::Revoked))?;
    Ok(Response::empty().accepted())
}

fn revoke_prefix(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let prefix = input.required("prefix")?;
    if plan::is_asked_for(input) {
        return live.plan(&Selection::Prefix(prefix), call.deadline);
    }
    let rows = if waits(input) { live.leases_under(&prefix)? } else { Vec::new() };
    let cause = call.cause(Event::RevokedByPrefix);
    live.revoke_prefix(&prefix, cause.clone())?;
    end_all(call, cause, input, &rows)
}

/// Ends what is dead already, for as long as there is time and somebody waits for it.
pub(super) fn end_all(call: &Call, cause: Cause, input: &Input, rows: &[i64]) -> Result<Response> {
    if !waits(input) {
        return Ok(Response::empty().accepted());
    }
    let Tried { failed, reason, left } = try_all(call.live()?, cause, rows, call.deadline);
    if let Some(error) = reason {
        return Err(error.context(format!(
            "{} of {} leases are dead, but their credentials could not be ended yet; it is tried again",
            failed.len(),
            rows.len()
        )));
    }
    Ok(match left {
        0 => Response::empty(),
        left => still_ending(left),
    })
}

fn revoke_force(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let prefix = input.required("prefix")?;
    if plan::is_asked_for(input) {
        return live.plan(&Selection::Prefix(prefix), call.deadline);
    }
    let rows = live.leases_under(&prefix)?;
    let cause = call.cause(Event::RevokedByForce);
    live.revoke_prefix(&prefix, cause.clone())?;
    let tried = try_all(live, cause, &rows, call.deadline);
    let dropped = errand::forget(live, &tried.failed)?;
    let response = if tried.left > 0 { still_ending(tried.left) } else { Response::empty() };
    if dropped.is_empty() {
        return Ok(response);
    }
    let shown: Vec<_> = dropped.iter().take(MOST_SHOWN).map(left_behind).collect();
    let warning = format!(
        "{} credentials could not be ended and may go on working: their leases are dropped. What is left outside is listed \
         under left_behind{} and in the server's log",
        dropped.len(),
        if dropped.len() > MOST_SHOWN { " (the first of them)" } else { "" }
    );
    let data = Response::json(json!({ "dropped": dropped.len(), "left_behind": shown }));
    Ok(Response { outcome: response.outcome, warnings: response.warnings, ..data }.warn(warning))
}

/// What became of the leases that a request wants ended.
struct Tried {
    /// Rows that could not be ended, and why.
    failed: Vec<(i64, String)>,
    /// The last of these reasons.
    reason: Option<Error>,
    /// Rows for which there was no time.
    left: usize,
}

fn try_all(live: &Arc<Live>, cause: Cause, rows: &[i64], deadline: Instant) -> Tried {
    let mut errand = Errand::new(live, cause);
    let mut tried = Tried { failed: Vec::new(), reason: None, left: 0 };
    for (done, row) in rows.iter().enumerate() {
        if Instant::now() >= deadline {
            tried.left = rows.len() - done;
            break;
        }
        if let Err(error) = errand.end(*row) {
            tried.failed.push((*row, error.message().to_owned()));
            tried.reason = Some(error);
        }
    }
    tried
}

fn still_ending(left: usize) -> Response {
    let warning = format!("{left} leases are dead, and their credentials are still being ended");
    Response::empty().accepted().warn(warning)
}

fn left_behind(left: &Left) -> Value {
    json!({ "lease_id": left.lease, "subject": left.subject, "target": left.target, "reason": left.reason })
}

fn waits(input: &Input) -> bool {
    input.flag("sync") != Some(false)
}

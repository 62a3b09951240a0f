//! `accessors`: the accessors of all tokens that live, a page at a time where that is asked for.
//!
//! Invariant: they come in the order in which their tokens were stored, a page costs what it holds, however many tokens there are
//! before it, and pages that follow each other leave out none that lives all the while.

use crate::base::{Error, Result, Timestamp, random};
use crate::core::leases::{Lease, Leases};
use crate::core::revocation::BATCH;
use crate::core::{Call, Live};
use crate::logical::paging::{AFTER, LIMIT, Page};
use crate::logical::route::SUDO;
use crate::logical::{Action, Input, Operation, Response, Route};
use crate::storage::{LeaseKind, LeaseRow, Snapshot};
use std::time::Duration;

pub static ACCESSORS: Route<Call> = Route {
    pattern: "accessors",
    fields: &[AFTER, LIMIT],
    actions: &[Action::new(Operation::List, list, "Lists the accessors of all tokens.")],
    exists: None,
    summary: "Lists the accessors of all tokens.",
    help: "An accessor looks its token up, renews and revokes it, but does not give it: so every token can be found and \
           ended without anybody having it. The oldest come first; where there are many, ask for a page of them with limit, and \
           for the next with the last accessor of the one before as after.",
    flags: SUDO,
};

/// Tokens that are made at the same time may be stored in another order than that of their accessors, by no more than so many and
/// so long.
const OUT_OF_ORDER: i64 = 1000;
const MOMENT: Duration = Duration::from_secs(1);

fn list(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let page = Page::of(input.raw())?;
    let (mut after, not_before) = live.storage.reading(|snapshot| start(live, snapshot, &page.after))?;
    let most = page.limit.unwrap_or(usize::MAX);
    let mut accessors = Vec::new();
    while accessors.len() < most {
        let rows = live.storage.reading(|snapshot| snapshot.leases_of_kind(LeaseKind::Token, after, BATCH))?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        let living = rows.into_iter().filter_map(|row| opened(live, row)).filter(|lease| lease.is_live_at(live.now()));
        let found = living.filter_map(|lease| Some(lease.token().ok()?.accessor.clone()));
        let room = most - accessors.len();
        accessors.extend(found.filter(|accessor| random::time_of(accessor) >= not_before).take(room));
    }
    if accessors.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(accessors)) }
}

/// The row behind which the page begins: that of the accessor, or where its token is gone, one from before it; then those made in
/// the same moment come once more rather than not at all.
fn start(live: &Live, snapshot: &dyn Snapshot, accessor: &str) -> Result<(i64, Timestamp)> {
    if accessor.is_empty() {
        return Ok((0, Timestamp(0)));
    }
    let key = Leases { barrier: &live.barrier }.accessor_key(accessor);
    if let Some(row) = snapshot.lease_by_accessor(&key)? {
        return Ok((row.id, Timestamp(0)));
    }
    let is_before = |id: i64| -> Result<bool> {
        let next = snapshot.leases_of_kind(LeaseKind::Token, id, BATCH)?;
        let opened = next.into_iter().find_map(|row| opened(live, row));
        Ok(opened.is_some_and(|lease| lease.token().is_ok_and(|token| token.accessor.as_str() <= accessor)))
    };
    let mut behind = 1;
    while is_before(behind)? {
        behind *= 2;
    }
    let mut before = behind / 2;
    while behind - before > 1 {
        let middle = before + (behind - before) / 2;
        if is_before(middle)? { before = middle } else { behind = middle }
    }
    Ok(((before - OUT_OF_ORDER).max(0), random::time_of(accessor).minus(MOMENT)))
}

fn opened(live: &Live, row: LeaseRow) -> Option<Lease> {
    let lease = Leases { barrier: &live.barrier }.open(row);
    lease.inspect_err(|error| log::error!("a token is damaged and left out: {}", error.for_log())).ok()
}

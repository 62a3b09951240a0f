//! `tidy`: has all tokens looked through for damage, in the background, and tells what came of it.

use crate::base::Result;
use crate::core::Call;
use crate::core::tidy::{shown, started};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Operation, Response, Route};
use crate::storage::LeaseKind;

pub static TIDY: Route<Call> = Route {
    pattern: "tidy",
    fields: &[],
    actions: &[
        Action::new(Operation::Update, tidy, "Has all tokens looked through for damage."),
        Action::new(Operation::Read, read, "Shows what the last tidying came to."),
    ],
    exists: None,
    summary: "Looks through all tokens for damage.",
    help: "Goes through all tokens in the background, also after a restart: those whose rows do not open end, with all below them; \
           so do those whose parent is gone; names and aliases of entities that lead nowhere are deleted, as is what is kept of \
           ended leases beyond its time. The result is in the server's log, and is shown by reading this path.",
    flags: ORDINARY,
};

fn tidy(call: &mut Call, _input: &Input) -> Result<Response> {
    let live = call.live()?;
    let begins = live.start_tidying(LeaseKind::Token)?;
    live.bell.ring();
    Ok(started(begins))
}

fn read(call: &mut Call, _input: &Input) -> Result<Response> {
    Ok(shown(call.live()?.findings(LeaseKind::Token)?))
}

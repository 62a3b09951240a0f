//! `accessors`: the accessors of all tokens that live.

use crate::base::Result;
use crate::core::Call;
use crate::core::leases::Leases;
use crate::core::revocation::BATCH;
use crate::logical::route::SUDO;
use crate::logical::{Action, Input, Operation, Response, Route};
use crate::storage::LeaseKind;

pub static ACCESSORS: Route<Call> = Route {
    pattern: "accessors",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "Lists the accessors of all tokens.")],
    exists: None,
    summary: "Lists the accessors of all tokens.",
    help: "An accessor looks its token up, renews and revokes it, but does not give it: so every token can be found and \
           ended without anybody having it.",
    flags: SUDO,
};

fn list(call: &mut Call, _input: &Input) -> Result<Response> {
    let live = call.live()?;
    let leases = Leases { barrier: &live.barrier };
    let (mut accessors, mut after) = (Vec::new(), 0);
    loop {
        let page = live.storage.reading(|snapshot| snapshot.leases_of_kind(LeaseKind::Token, after, BATCH))?;
        let Some(last) = page.last() else { return Ok(Response::keys(accessors)) };
        after = last.id;
        for row in page {
            match leases.open(row) {
                Ok(lease) if lease.is_live_at(live.now()) => accessors.push(lease.token()?.accessor.clone()),
                Ok(_) => {}
                Err(error) => log::error!("a token is damaged and left out: {}", error.for_log()),
            }
        }
    }
}

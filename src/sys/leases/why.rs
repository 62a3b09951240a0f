//! `sys/leases/why`: what a lease is doing, in sentences.

use super::names::{ACCESSOR, ID, TOKEN, meant};
use crate::base::Result;
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Operation, Response, Route};

pub static WHY: Route<Call> = Route {
    pattern: "leases/why",
    fields: &[ID, TOKEN, ACCESSOR],
    actions: &[Action::new(Operation::Update, why, "Tells why a lease or token lives, or why it does not.")],
    exists: None,
    summary: "Tells what a lease is doing, and why.",
    help: "Until when it lives and what would end it before; or why it is dead, how often its credential was tried to be \
           ended, why that failed, and when it is tried next. Those that have ended are found until they are cleared away.",
    flags: ORDINARY,
};

fn why(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    Ok(Response::data(live.explain(&live.lease_named(&meant(input)?)?)?))
}

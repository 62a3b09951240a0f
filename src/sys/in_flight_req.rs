//! `sys/in-flight-req`: the requests that are being served just now.

use crate::base::Result;
use crate::core::{Call, watch};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Operation, Response, Route};

pub static IN_FLIGHT: Route<Call> = Route {
    pattern: "in-flight-req",
    fields: &[],
    actions: &[Action::new(Operation::Read, read, "Lists the requests in flight.")],
    exists: None,
    summary: "Lists the requests that are being served just now.",
    help: "One key for each request, its id: when it came, from where, and what for. The request that asks is among them.",
    flags: ORDINARY,
};

fn read(call: &mut Call, _input: &Input) -> Result<Response> {
    Ok(watch::shown(&call.core.watch))
}

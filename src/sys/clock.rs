//! `sys/clock`, `sys/clock/accept`: whether the machine's clock is believed, and the word of an operator that it is right.

use crate::base::Result;
use crate::core::Call;
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Input, Operation, Response, Route};
use serde_json::json;

pub static CLOCK: Route<Call> = Route {
    pattern: "clock",
    fields: &[],
    actions: &[Action::new(Operation::Read, show, "Shows the time, and whether the machine's clock is believed.")],
    exists: None,
    summary: "Shows the time that the server goes by.",
    help: "The server goes by the machine's clock, but never back behind the time that it has stored. A clock that shows a time \
           before this program was built, or more than 400 days after the stored time, when the server starts, is not \
           believed: nothing is ended outside because its time has come until the clock is set right or accepted.",
    flags: ORDINARY,
};

pub static ACCEPT: Route<Call> = Route {
    pattern: "clock/accept",
    fields: &[],
    actions: &[Action::new(Operation::Update, accept, "Takes the machine's clock for right.")],
    exists: None,
    summary: "Takes the machine's clock for right.",
    help: "All that has ended by that clock is then revoked. Without effect where the clock is believed already.",
    flags: SUDO,
};

fn show(call: &mut Call, _input: &Input) -> Result<Response> {
    let doubt = call.core.clock.doubt();
    Ok(Response::json(json!({
        "time": call.core.clock.now().rfc3339(),
        "believed": doubt.is_none(),
        "revocations_held": doubt.map(|doubt| doubt.to_string()),
    })))
}

fn accept(call: &mut Call, _input: &Input) -> Result<Response> {
    let doubt = call.core.clock.doubt();
    call.live()?.accept_clock()?;
    if let Some(doubt) = doubt {
        log::warn!("an operator has accepted the clock although {doubt}");
    }
    Ok(Response::empty())
}

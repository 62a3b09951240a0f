//! `sys/leases/tidy`: kept for scripts that call it. Here a lease's row and all that it is found by are one and go together,
//! so that nothing is left over; what is due is looked for at once, and what a silent target holds up is tried.

use crate::base::Result;
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Operation, Response, Route};

pub static TIDY: Route<Call> = Route {
    pattern: "leases/tidy",
    fields: &[],
    actions: &[Action::new(Operation::Update, tidy, "Tries at once to end all that could not be ended yet.")],
    exists: None,
    summary: "Tries again to end what could not be ended.",
    help: "Leases whose credentials could not be ended are tried again by themselves; this has all of them tried now, \
           irrevocable ones too, those of a silent target when its next try gets an answer.",
    flags: ORDINARY,
};

fn tidy(call: &mut Call, _input: &Input) -> Result<Response> {
    call.live()?.retry_all()?;
    call.live()?.bell.ring();
    Ok(Response::empty().accepted().warn(
        "What could not be ended yet is tried again now. What comes of it is in the server's log and in sys/leases/count.",
    ))
}

//! `tidy`: kept for scripts that call it. Here a token's row, its accessor and all that hangs at it are one and go together,
//! so that there is nothing that could be left over.

use crate::base::Result;
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Operation, Response, Route};

pub static TIDY: Route<Call> = Route {
    pattern: "tidy",
    fields: &[],
    actions: &[Action::new(Operation::Update, tidy, "Looks at once for tokens that are due to go.")],
    exists: None,
    summary: "Cleans up after ended tokens.",
    help: "Ended tokens are cleaned up by themselves; this only makes the server look now.",
    flags: ORDINARY,
};

fn tidy(call: &mut Call, _input: &Input) -> Result<Response> {
    call.live()?.bell.ring();
    Ok(Response::empty().accepted().warn("Ended tokens are cleaned up by themselves; the server looks for some now."))
}

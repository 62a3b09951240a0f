//! `sys/leases/tidy`: has all leases of secrets looked through for damage in the background, and tried again at once what could not
//! be ended yet.

use crate::base::Result;
use crate::core::Call;
use crate::core::tidy::{shown, started};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Operation, Response, Route};
use crate::storage::LeaseKind;

pub static TIDY: Route<Call> = Route {
    pattern: "leases/tidy",
    fields: &[],
    actions: &[
        Action::new(Operation::Update, tidy, "Has all leases looked through, and what could not be ended tried again."),
        Action::new(Operation::Read, read, "Shows what the last tidying came to."),
    ],
    exists: None,
    summary: "Looks through all leases for damage, and tries again to end what could not be ended.",
    help: "Goes through all leases in the background, also after a restart: those whose token is gone are revoked, and those whose \
           rows do not open are counted, and stay, since nobody knows what they stand for. Leases whose credentials could not be \
           ended are all tried now, irrevocable ones too, those of a silent target when its next try gets an answer. The result \
           is in the server's log, and is shown by reading this path.",
    flags: ORDINARY,
};

fn tidy(call: &mut Call, _input: &Input) -> Result<Response> {
    let live = call.live()?;
    let begins = live.start_tidying(LeaseKind::Secret)?;
    live.retry_all()?;
    live.bell.ring();
    Ok(started(begins))
}

fn read(call: &mut Call, _input: &Input) -> Result<Response> {
    Ok(shown(call.live()?.findings(LeaseKind::Secret)?))
}

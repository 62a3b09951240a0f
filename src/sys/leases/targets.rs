//! `sys/leases/targets`: the targets that do not answer, and what waits for them.

use crate::base::Result;
use crate::core::Call;
use crate::logical::route::SUDO;
use crate::logical::{Action, Input, Operation, Response, Route};
use serde_json::json;

pub static TARGETS: Route<Call> = Route {
    pattern: "leases/targets",
    fields: &[],
    actions: &[Action::new(Operation::Read, targets, "Shows the targets that do not answer.")],
    exists: None,
    summary: "Shows the targets that do not answer.",
    help: "A target is where leased credentials live: a database server, an AWS account. While one does not answer, its leases \
           wait together and it is asked by one revocation at a time, at growing intervals. For each: since when, how often \
           it was asked in vain, when it is asked again, why that failed, and how many of its leases are due.",
    flags: SUDO,
};

/// Due leases are counted up to here.
const MOST: usize = 10_000;

fn targets(call: &mut Call, _input: &Input) -> Result<Response> {
    let live = call.live()?;
    let mut shown = Vec::new();
    for (target, silence) in live.targets.silent() {
        shown.push(json!({
            "target": silence.name,
            "silent_since": silence.since.rfc3339(),
            "tries": silence.tries,
            "next_try": silence.next.rfc3339(),
            "last_error": silence.reason,
            "leases_due": live.due_at(&target, MOST)?,
        }));
    }
    Ok(Response::json(json!({ "silent": shown })))
}

//! `sys/storage/adopt`: whether the storage is the one that was here, and the word of an operator that it is to be.

use crate::base::Result;
use crate::core::Call;
use crate::core::holds::told;
use crate::logical::route::SUDO;
use crate::logical::{Action, Input, Operation, Response, Route};
use serde_json::json;

pub static ADOPT: Route<Call> = Route {
    pattern: "storage/adopt",
    fields: &[],
    actions: &[
        Action::new(Operation::Read, show, "Shows whether the storage was restored or copied."),
        Action::new(Operation::Update, adopt, "Takes the storage for the one; what was held goes on."),
    ],
    exists: None,
    summary: "Takes a restored or copied storage for the one.",
    help: "A storage that was restored from a backup, copied or put back does not know what was renewed, issued and revoked since. \
           Until it is adopted, no credential is ended outside for a lease that is older than the restore, and no scheduled work is \
           done there; such leases end all the same, tokens die, and what is issued now is ended as ever. Adopt it when no other \
           server uses the same targets. Without effect where nothing is held.",
    flags: SUDO,
};

fn show(call: &mut Call, _: &Input) -> Result<Response> {
    let restored = call.live()?.restored();
    Ok(Response::json(json!({
        "restored": restored.is_some(),
        "noticed": restored.as_ref().map(|restored| restored.at.rfc3339()),
        "reason": restored.as_ref().map(|restored| restored.reason.clone()),
        "revocations_held": restored.as_ref().map(told),
    })))
}

fn adopt(call: &mut Call, _: &Input) -> Result<Response> {
    let live = call.live()?.clone();
    let mut response = Response::empty();
    if live.adopt()?.is_none() {
        response.warnings.push("nothing was held: this storage is the one that was here".to_owned());
    }
    Ok(response)
}

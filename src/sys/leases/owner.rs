//! `sys/leases/owner`: whose something outside is.

use crate::base::{Error, Result};
use crate::core::{Call, why};
use crate::logical::route::SUDO;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::json;

/// Leases in one answer, at most.
const MOST: usize = 100;

pub static OWNER: Route<Call> = Route {
    pattern: "leases/owner",
    fields: &[Field::text("subject", "A name outside: a database user, an IAM user, an access key id.").required()],
    actions: &[Action::new(Operation::Update, owner, "Tells which lease, token and request made something outside.")],
    exists: None,
    summary: "Tells whose a user or key outside is.",
    help: "Finds the lease by the name that its credential has outside, and shows the token that made it (by accessor and \
           display name), the tokens above that one, the entity, and the id of the request, as in the audit trail. The name \
           is taken as it is written outside, upper and lower case told apart.",
    flags: SUDO,
};

fn owner(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let subject = input.required("subject")?;
    let found = live.leases_of_subject(&subject, MOST)?;
    if found.is_empty() {
        return Err(Error::not_found(format!(
            "no lease is known for {subject:?}: it is not from here, or its lease has ended and is gone"
        )));
    }
    let owners = found.iter().map(|lease| why::provenance(live, lease)).collect::<Result<Vec<_>>>()?;
    Ok(Response::json(json!({ "owners": owners })))
}

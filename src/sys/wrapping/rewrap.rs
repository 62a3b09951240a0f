//! `sys/wrapping/rewrap`: a fresh wrapping token in the place of another.

use super::{TOKEN, meant};
use crate::base::Result;
use crate::core::Call;
use crate::logical::route::UNWRAPS;
use crate::logical::{Action, Input, Operation, Response, Route};

pub static REWRAP: Route<Call> = Route {
    pattern: "wrapping/rewrap",
    fields: &[TOKEN],
    actions: &[Action::new(Operation::Update, rewrap, "Moves what a wrapping token holds to a new one.")],
    exists: None,
    summary: "Exchanges a wrapping token for a new one.",
    help: "The new token lives as long as the old one was made to, or as long as the request asks for where that is shorter. \
           It tells the same creation path, and holds the same answer, which nobody has seen. The old token is spent.",
    flags: UNWRAPS,
};

fn rewrap(call: &mut Call, input: &Input) -> Result<Response> {
    let token = meant(call, input)?;
    let (response, wrapping) = call.live()?.rewrap(&token, call.wrap_ttl, call.wrap_format, &call.request_id)?;
    call.prepared.wrapping = Some(wrapping);
    Ok(response)
}

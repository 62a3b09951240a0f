//! `sys/wrapping/wrap`: gives back what it is given, in a wrapping token.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::logical::route::OPEN;
use crate::logical::{Action, Input, Operation, Response, Route};

pub static WRAP: Route<Call> = Route {
    pattern: "wrapping/wrap",
    fields: &[],
    actions: &[Action::new(Operation::Update, wrap, "Wraps the body of the request.")],
    exists: None,
    summary: "Wraps data of the caller's own.",
    help: "Whoever unwraps the token gets the body of this request as its data. How long the token lives is asked for with \
           the header X-Vault-Wrap-TTL, as for every wrapped answer; here it must be given.",
    flags: OPEN,
};

fn wrap(call: &mut Call, input: &Input) -> Result<Response> {
    if call.wrap_ttl.is_none() {
        return Err(Error::bad_request("endpoint requires response wrapping to be used"));
    }
    Ok(Response::data(input.raw().clone()))
}

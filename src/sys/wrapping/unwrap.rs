//! `sys/wrapping/unwrap`: the answer that a wrapping token holds, once.

use super::{TOKEN, meant};
use crate::base::Result;
use crate::core::Call;
use crate::logical::route::UNWRAPS;
use crate::logical::{Action, Input, Operation, Response, Route};

pub static UNWRAP: Route<Call> = Route {
    pattern: "wrapping/unwrap",
    fields: &[TOKEN],
    actions: &[Action::new(
        Operation::Update,
        unwrap,
        "Gives the answer that a wrapping token holds, and ends the token.",
    )],
    exists: None,
    summary: "Takes an answer out of its wrapping token.",
    help: "The answer is the one that was wrapped, as it would have been given then. The token is spent with this: of two \
           who try, one gets the answer, and the other learns that somebody else has it.",
    flags: UNWRAPS,
};

fn unwrap(call: &mut Call, input: &Input) -> Result<Response> {
    call.live()?.unwrap(&meant(call, input)?)
}

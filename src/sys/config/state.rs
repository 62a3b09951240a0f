//! `sys/config/state/sanitized`: the configuration that the server was started with, without what is nobody's business.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Operation, Response, Route};

pub static SANITIZED: Route<Call> = Route {
    pattern: "config/state/sanitized",
    fields: &[],
    actions: &[Action::new(Operation::Read, read, "Shows the configuration.")],
    exists: None,
    summary: "Shows the configuration that the server was started with.",
    help: "Without the paths of keys and of the storage.",
    flags: ORDINARY,
};

fn read(call: &mut Call, _: &Input) -> Result<Response> {
    let shown = call.core.configuration.get().cloned();
    shown.map(Response::data_and_top).ok_or_else(|| Error::not_found("this server has no configuration"))
}

//! `sys/key-status`: the data key that seals now.

use crate::base::Result;
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Body, Input, Operation, Response, Route};
use serde_json::{Value, json};

pub static KEY_STATUS: Route<Call> = Route {
    pattern: "key-status",
    fields: &[],
    actions: &[Action::new(Operation::Read, read, "Shows the data key that seals now.")],
    exists: None,
    summary: "Shows the data key that seals now.",
    help: "Its number, since when it seals, and how many values it has sealed (an estimate: what was sealed in the last minutes \
           before a crash is not counted).",
    flags: ORDINARY,
};

fn read(call: &mut Call, _: &Input) -> Result<Response> {
    let status = call.live()?.key_status();
    let shown = json!({
        "term": status.term,
        "install_time": status.installed.rfc3339(),
        "encryptions": status.sealed,
    });
    let Value::Object(shown) = shown else { return Ok(Response::empty()) };
    Ok(Response { body: Body::DataAndTop(shown), ..Response::default() })
}

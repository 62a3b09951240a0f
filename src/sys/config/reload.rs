//! `sys/config/reload`: has the server read again what it was configured with.

use crate::base::{Error, Result, logging};
use crate::core::Call;
use crate::logical::route::SUDO;
use crate::logical::{Action, Field, Input, Operation, Response, Route};

pub static RELOAD: Route<Call> = Route {
    pattern: "config/reload/{subsystem}",
    fields: &[Field::text("subsystem", "What is to be read again: audit, for the files of audit devices, or log.")],
    actions: &[Action::new(Operation::Update, reload, "Reads a part of the configuration again.")],
    exists: None,
    summary: "Opens files afresh after they were moved.",
    help: "audit does for audit devices, and log for the log file, what SIGHUP does. There is no license to read.",
    flags: SUDO,
};

fn reload(call: &mut Call, input: &Input) -> Result<Response> {
    match input.required("subsystem")?.as_str() {
        "audit" => call.live()?.audit.reopen(),
        "log" => logging::reopen()?,
        "license" => return Err(Error::bad_request("there is no license here: nothing needs one")),
        other => {
            return Err(Error::bad_request(format!(
                "nothing is called {other:?} that could be reloaded: audit or log"
            )));
        }
    }
    Ok(Response::empty())
}

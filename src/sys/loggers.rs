//! `sys/loggers`: how loudly each part of the server logs, changed while it runs. A restart, and SIGHUP, bring back what the
//! configuration says.

use crate::base::{Error, Result, logging};
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Map, Operation, Response, Route};
use log::LevelFilter;
use serde_json::Value;

const LEVEL: Field = Field::text("level", "How much is logged: trace, debug, info, warn or error.").required();

pub static ALL: Route<Call> = Route {
    pattern: "loggers",
    fields: &[LEVEL],
    actions: &[
        Action::new(Operation::Read, read_all, "Shows the level of every logger."),
        Action::new(Operation::Update, set_all, "Sets the level of all loggers."),
        Action::new(Operation::Delete, revert_all, "Gives all loggers their configured level again."),
    ],
    exists: None,
    summary: "Shows and changes how loudly the server logs.",
    help: "What is set here is kept nowhere: a restart and SIGHUP bring back what the configuration says.",
    flags: ORDINARY,
};

pub static ONE: Route<Call> = Route {
    pattern: "loggers/{name}",
    fields: &[Field::text("name", "The logger, as core or expiration."), LEVEL],
    actions: &[
        Action::new(Operation::Read, read, "Shows the level of a logger."),
        Action::new(Operation::Update, set, "Sets the level of a logger."),
        Action::new(Operation::Delete, revert, "Gives a logger its configured level again."),
    ],
    exists: None,
    summary: "Shows and changes how loudly one part of the server logs.",
    help: "The names are listed by reading sys/loggers.",
    flags: ORDINARY,
};

fn read_all(_: &mut Call, _: &Input) -> Result<Response> {
    Ok(answer(logging::levels().into_iter()))
}

fn read(_: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let found = logging::levels().into_iter().find(|(known, _)| *known == name);
    found.map(|found| answer([found].into_iter())).ok_or_else(|| unknown(&name))
}

fn answer(levels: impl Iterator<Item = (&'static str, LevelFilter)>) -> Response {
    let shown: Map = levels.map(|(name, level)| (name.to_owned(), Value::from(logging::level_name(level)))).collect();
    Response::data_and_top(Value::Object(shown))
}

fn set_all(call: &mut Call, input: &Input) -> Result<Response> {
    change(call, None, Some(logging::level(&input.required("level")?)?))
}

fn set(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    change(call, Some(&name), Some(logging::level(&input.required("level")?)?))
}

fn revert_all(call: &mut Call, _: &Input) -> Result<Response> {
    change(call, None, None)
}

fn revert(call: &mut Call, input: &Input) -> Result<Response> {
    change(call, Some(&input.required("name")?), None)
}

fn change(call: &Call, name: Option<&str>, level: Option<LevelFilter>) -> Result<Response> {
    if !logging::set(name, level) {
        return Err(unknown(name.unwrap_or_default()));
    }
    let level = level.map_or_else(|| "as configured".to_owned(), logging::level_name);
    log::warn!("request {}: the log level of {} is {level}", call.request_id, name.unwrap_or("all loggers"));
    Ok(Response::empty())
}

fn unknown(name: &str) -> Error {
    Error::not_found(format!("logger {name:?} not found: reading sys/loggers lists them"))
}

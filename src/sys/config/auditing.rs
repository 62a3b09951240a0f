//! `sys/config/auditing/request-headers`: the headers of requests that stand in audit entries.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::headers::Audited;
use crate::logical::route::SUDO;
use crate::logical::{Action, Field, Input, Map, Operation, Response, Route};
use serde_json::{Value, json};

const NAME: Field = Field::text("name", "The header's name, in any case.").folded();

pub static LIST: Route<Call> = Route {
    pattern: "config/auditing/request-headers",
    fields: &[],
    actions: &[Action::new(Operation::Read, list, "Lists the headers that are audited.")],
    exists: None,
    summary: "Lists the headers of requests that audit devices are told.",
    help: "Every enabled device gets them, hashed with its own salt where that is asked for.",
    flags: SUDO,
};

pub static HEADER: Route<Call> = Route {
    pattern: "config/auditing/request-headers/{name}",
    fields: &[NAME, Field::flag("hmac", "Whether the value is hashed, as tokens are.").default("false")],
    actions: &[
        Action::new(Operation::Read, read, "Shows how a header is audited."),
        Action::new(Operation::Update, write, "Has a header audited."),
        Action::new(Operation::Delete, delete, "Has a header audited no more."),
    ],
    exists: None,
    summary: "Whether a header of requests is audited.",
    help: "Headers that carry tokens are audited as such and cannot be asked for here.",
    flags: SUDO,
};

/// Their values are credentials; entries have them hashed as what they are.
const TOKENS: [&str; 2] = ["x-vault-token", "authorization"];

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let table = call.live()?.headers.table();
    let headers: Map = table.audited.iter().map(|(name, audited)| (name.clone(), shown(*audited))).collect();
    Ok(Response::data_and_top(json!({ "headers": headers })))
}

fn shown(audited: Audited) -> Value {
    json!({ "hmac": audited.hmac })
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let table = call.live()?.headers.table();
    let audited = table.audited.get(&name).copied();
    let audited = audited.ok_or_else(|| Error::bad_request("Could not find header in config"))?;
    let mut answer = Map::new();
    answer.insert(name, shown(audited));
    Ok(Response::data_and_top(Value::Object(answer)))
}

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let hmac = input.flag("hmac").unwrap_or_default();
    if TOKENS.contains(&name.as_str()) {
        return Err(Error::bad_request(format!("{name} carries tokens, which entries show hashed as such already")));
    }
    call.live()?.change_headers(|table| {
        table.audited.insert(name.clone(), Audited { hmac });
        Ok(())
    })?;
    Ok(Response::empty())
}

fn delete(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    call.live()?.change_headers(|table| {
        table.audited.remove(&name);
        Ok(())
    })?;
    Ok(Response::empty())
}

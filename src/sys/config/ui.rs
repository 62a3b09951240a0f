//! `sys/config/ui/headers`: headers that are to go with the pages of a web UI. They are kept; nothing serves such pages yet.

use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::records::MountRecords;
use crate::logical::route::SUDO;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::json;

const FOLDER: &str = "config/ui/headers/";

pub static LIST: Route<Call> = Route {
    pattern: "config/ui/headers",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "Lists the headers.")],
    exists: None,
    summary: "Lists the headers of the web UI.",
    help: "They are kept for a web UI; there is none yet.",
    flags: SUDO,
};

pub static HEADER: Route<Call> = Route {
    pattern: "config/ui/headers/{header}",
    fields: &[
        Field::text("header", "The header's name, in any case.").folded(),
        Field::texts("values", "Its values."),
        Field::flag("multivalue", "Show all values, and not the first alone.").default("false"),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Shows a header."),
        Action::new(Operation::Update, write, "Sets a header."),
        Action::new(Operation::Delete, delete, "Takes a header away."),
    ],
    exists: None,
    summary: "A header of the web UI.",
    help: "They are kept for a web UI; there is none yet. Names that begin with X-Vault- are the server's own.",
    flags: SUDO,
};

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let names = MountRecords::at(call.live()?, "sys/")?.list(FOLDER)?;
    if names.is_empty() {
        return Err(Error::not_found(""));
    }
    Ok(Response::keys(names.iter().map(|name| titled(name)).collect()))
}

/// `x-custom` as people write it: `X-Custom`.
fn titled(name: &str) -> String {
    let word = |word: &str| {
        let mut characters = word.chars();
        let first = characters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(characters).collect::<String>()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("header")?;
    let values: Option<Vec<String>> = MountRecords::at(call.live()?, "sys/")?.load(&format!("{FOLDER}{name}"))?;
    let values = values.ok_or_else(|| Error::not_found(""))?;
    Ok(Response::data_and_top(match input.flag("multivalue") {
        Some(true) => json!({ "values": values }),
        _ => json!({ "value": values.first() }),
    }))
}

fn write(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("header")?;
    let values = input.list("values").unwrap_or_default();
    if values.is_empty() {
        return Err(Error::bad_request("header values must be specified"));
    }
    if name.starts_with("x-vault-") {
        return Err(Error::bad_request("X-Vault headers cannot be set"));
    }
    let broken = |text: &str| text.bytes().any(|byte| byte.is_ascii_control());
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        || values.iter().any(|value| broken(value))
    {
        return Err(Error::bad_request(
            "a header's name takes letters, digits and -, its values no control characters",
        ));
    }
    MountRecords::at(call.live()?, "sys/")?
        .change(&format!("{FOLDER}{name}"), |_: Option<Vec<String>>| Ok(values.clone()))?;
    Ok(Response::empty())
}

fn delete(call: &mut Call, input: &Input) -> Result<Response> {
    let name = input.required("header")?;
    MountRecords::at(call.live()?, "sys/")?.remove(&format!("{FOLDER}{name}"))?;
    Ok(Response::empty())
}

//! `sys/auth`: the auth methods. Tokens are the only one so far: it can be listed, shown and tuned.

use super::settings::{self, DESCRIPTION};
use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::mounts::Class;
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Input, Map, Operation, Response, Route};
use serde_json::Value;

pub static LIST: Route<Call> = Route {
    pattern: "auth",
    fields: &[],
    actions: &[Action::new(Operation::Read, list, "Lists the auth methods.")],
    exists: None,
    summary: "Lists the auth methods.",
    help: "The answer has one key per method: its path below auth/.",
    flags: ORDINARY,
};

pub static METHOD: Route<Call> = Route {
    pattern: "auth/{path..}",
    fields: &[
        Field::text("path", "Where the method is, below auth/."),
        Field::text("type", "The method, as userpass."),
        DESCRIPTION,
        Field::object("config", "Settings of the mount."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Shows an auth method."),
        Action::new(Operation::Update, enable, "Refused: methods besides tokens come later."),
        Action::new(Operation::Delete, disable, "Refused for tokens, which are always there."),
    ],
    exists: None,
    summary: "Shows an auth method.",
    help: "The token method is built in. Others cannot be enabled yet, and say so.",
    flags: SUDO,
};

pub static TUNE: Route<Call> = Route {
    pattern: "auth/{path}/tune",
    fields: settings::TUNE_FIELDS,
    actions: &[
        Action::new(Operation::Read, show, "Shows an auth method's settings."),
        Action::new(Operation::Update, tune, "Changes an auth method's settings."),
    ],
    exists: None,
    summary: "Shows and changes an auth method's settings.",
    help: "What is not given stays as it is. The limits are those of the tokens that the method makes.",
    flags: SUDO,
};

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let live = call.live()?;
    let table = live.mounts();
    let methods = table.active().filter(|mount| mount.class == Class::Auth);
    let named = methods.map(|mount| {
        let name = mount.path.strip_prefix("auth/").unwrap_or(&mount.path);
        (name.to_owned(), settings::describe(mount, live.settings.version))
    });
    Ok(Response::data_and_top(Value::Object(named.collect::<Map>())))
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let path = path(input)?;
    let mounts = live.mounts();
    let mount = mounts.at(&path).ok_or_else(|| Error::bad_request(format!("No auth engine at {path}")))?;
    Ok(Response::data_and_top(settings::describe(mount, live.settings.version)))
}

fn enable(_: &mut Call, input: &Input) -> Result<Response> {
    let kind = input.required("type")?;
    Err(Error::bad_request(match kind.as_str() {
        "token" => "token credential backend cannot be instantiated".to_owned(),
        kind => format!("the auth method {kind:?} comes later: so far tokens are the only way to log in"),
    }))
}

fn disable(_: &mut Call, input: &Input) -> Result<Response> {
    match path(input)?.as_str() {
        "auth/token/" => Err(Error::bad_request("token credential backend cannot be disabled")),
        _ => Ok(Response::empty()),
    }
}

fn show(call: &mut Call, input: &Input) -> Result<Response> {
    settings::show(call, &path(input)?)
}

fn tune(call: &mut Call, input: &Input) -> Result<Response> {
    settings::tune(call, &path(input)?, input)
}

fn path(input: &Input) -> Result<String> {
    settings::mount_path(&format!("auth/{}", input.required("path")?))
}

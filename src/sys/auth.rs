//! `sys/auth`: the auth methods, enabled at a path below `auth/`, shown, tuned and disabled. Tokens are always there.

use super::settings::{self, DESCRIPTION, OPTIONS, SETTINGS};
use crate::base::{Error, Result};
use crate::core::Call;
use crate::core::causes::Event;
use crate::core::mounts::{self, Class, Mount};
use crate::core::plan::{self, DRY_RUN};
use crate::core::selection::Selection;
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
    fields: &METHOD_FIELDS,
    actions: &[
        Action::new(Operation::Read, read, "Shows an auth method."),
        Action::new(Operation::Update, enable, "Enables an auth method at a path."),
        Action::new(Operation::Delete, disable, "Disables an auth method, and ends every token that it made."),
    ],
    exists: None,
    summary: "Enables, shows and disables an auth method.",
    help: "The token method is built in. What a method has made ends when it is disabled, at once: its tokens, and all below \
           them.",
    flags: SUDO,
};

pub static TUNE: Route<Call> = Route {
    pattern: "auth/{path}/tune",
    fields: &settings::TUNE_FIELDS,
    actions: &[
        Action::new(Operation::Read, show, "Shows an auth method's settings."),
        Action::new(Operation::Update, tune, "Changes an auth method's settings."),
    ],
    exists: None,
    summary: "Shows and changes an auth method's settings.",
    help: "What is not given stays as it is. The limits are those of the tokens that the method makes.",
    flags: SUDO,
};

const OWN: [Field; 10] = [
    Field::text("path", "Where the method is, below auth/."),
    Field::text("type", "The method, as userpass."),
    DESCRIPTION,
    Field::object("config", "Settings of the mount: those that tune takes, less description and options."),
    Field::text("plugin_name", "The older name of type."),
    Field::flag("local", "Kept and shown: a single server has nowhere to replicate to.").default("false"),
    Field::flag("seal_wrap", "Kept and shown: everything is sealed.").default("false"),
    Field::flag("external_entropy_access", "Without effect.").default("false"),
    OPTIONS,
    DRY_RUN,
];

/// A method with a slash in its path is tuned by this route too: see [`tuned`].
static METHOD_FIELDS: [Field; OWN.len() + SETTINGS.len()] = Field::joined(OWN, SETTINGS);

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
    if let Some(path) = tuned(input)? {
        return settings::show(call, &path);
    }
    let live = call.live()?;
    let path = path(input)?;
    let mounts = live.mounts();
    let mount = mounts.at(&path).ok_or_else(|| Error::bad_request(format!("No auth engine at {path}")))?;
    Ok(Response::data_and_top(settings::describe(mount, live.settings.version)))
}

fn enable(call: &mut Call, input: &Input) -> Result<Response> {
    if let Some(path) = tuned(input)? {
        return settings::tune(call, &path, input);
    }
    let live = call.live()?;
    let path = path(input)?;
    let kind = input.text("type").or_else(|| input.text("plugin_name")).filter(|kind| !kind.is_empty());
    let kind = kind.ok_or_else(|| Error::bad_request("missing type: which auth method is it to be?"))?;
    if kind == "token" {
        return Err(Error::bad_request("token credential backend cannot be instantiated"));
    }
    live.registry.method(&kind)?;
    settings::refuse("plugin_version", &input.value("plugin_version").unwrap_or_default())?;
    let mut mount = Mount::new(&path, Class::Auth, &kind, &input.text("description").unwrap_or_default())?;
    mount.options = input.map("options").unwrap_or_default();
    mount.local = input.flag("local").unwrap_or_default();
    mount.seal_wrap = input.flag("seal_wrap").unwrap_or_default();
    let unknown = settings::apply(&mut mount, &input.map("config").unwrap_or_default(), live)?;
    live.change_mounts(
        |table| table.check_free(&live.barrier, &path),
        |tx, ()| mounts::store(tx, &live.barrier, &mount, None),
    )?;
    log::info!("enabled {kind} at {path}");
    if unknown.is_empty() {
        return Ok(Response::empty());
    }
    Ok(Response::empty()
        .warn(format!("these settings in config are not known and were ignored: {}", unknown.join(", "))))
}

fn disable(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let path = path(input)?;
    if path == "auth/token/" {
        return Err(Error::bad_request("token credential backend cannot be disabled"));
    }
    if plan::is_asked_for(input) {
        return live.plan(&Selection::Mount(live.mount_at(&path)?), call.deadline);
    }
    super::mounts::disable_at(live, &path, &call.cause(Event::MountDisabled))?;
    Ok(Response::empty())
}

/// The method that `auth/team/users/tune` means; [`TUNE`] takes the paths of one segment.
fn tuned(input: &Input) -> Result<Option<String>> {
    let path = input.required("path")?;
    let mount = path.trim_end_matches('/').strip_suffix("/tune");
    mount.map(|mount| settings::mount_path(&format!("auth/{mount}"))).transpose()
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

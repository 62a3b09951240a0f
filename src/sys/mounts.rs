//! `sys/mounts`: the secrets engines, where they are mounted, and with which settings.

use super::settings::{self, DESCRIPTION, OPTIONS, SETTINGS};
use crate::base::{Error, Result};
use crate::core::causes::{Cause, Event};
use crate::core::mounts::{self, Class, Mount, Resolved, Table};
use crate::core::plan::{self, DRY_RUN};
use crate::core::selection::Selection;
use crate::core::{Call, Live};
use crate::logical::engine::VERSION;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Map, Operation, Response, Route};
use serde_json::Value;
use std::sync::Arc;

pub static LIST: Route<Call> = Route {
    pattern: "mounts",
    fields: &[],
    actions: &[Action::new(Operation::Read, list, "Lists the mounts of secrets engines.")],
    exists: None,
    summary: "Lists the mounts of secrets engines.",
    help: "The answer has one key per mount, its path. A mount that was disabled while leases or data were left stays in the \
           list as \"PATH (disabling UUID)\", with \"disabling\" true and the number of its leases, until the last of it is \
           gone; its path is free already.",
    flags: ORDINARY,
};

pub static MOUNT: Route<Call> = Route {
    pattern: "mounts/{path..}",
    fields: &MOUNT_FIELDS,
    actions: &[
        Action::new(Operation::Read, read, "Shows a mount."),
        Action::new(Operation::Update, enable, "Enables an engine at a path."),
        Action::new(Operation::Delete, disable, "Disables a mount: its leases end and its data goes."),
    ],
    exists: None,
    summary: "Enables, shows and disables a secrets engine.",
    help: "No mount can be on, above or below another one. Disabling is answered at once: from then on the path is free, the \
           mount's leases are dead and its data cannot be read; revoking what they stand for goes on by itself until all of \
           it is done.",
    flags: ORDINARY,
};

pub static TUNE: Route<Call> = Route {
    pattern: "mounts/{path}/tune",
    fields: &settings::TUNE_FIELDS,
    actions: &[
        Action::new(Operation::Read, show, "Shows a mount's settings."),
        Action::new(Operation::Update, tune, "Changes a mount's settings."),
    ],
    exists: None,
    summary: "Shows and changes a mount's settings.",
    help: "What is not given stays as it is. New limits hold for leases made or renewed from now on. Paths with more than one \
           segment work too: mounts/team/aws/tune.",
    flags: ORDINARY,
};

const OWN: [Field; 10] = [
    Field::text("path", "Where the engine is to be, as aws or team/aws. Case counts."),
    Field::text("type", "The engine, as aws or kv; kv-v2 is kv with version=2."),
    DESCRIPTION,
    Field::object("config", "Settings of the mount: those that tune takes, less description and options."),
    OPTIONS,
    Field::flag("local", "Kept and shown: a single server has nowhere to replicate to.").default("false"),
    Field::flag("seal_wrap", "Kept and shown: everything stored is encrypted in any case.").default("false"),
    Field::flag("external_entropy_access", "Without effect.").default("false"),
    Field::text("plugin_name", "Without effect: engines are built in."),
    DRY_RUN,
];

/// A mount with a slash in its path is tuned by this route too: see [`tuned`].
static MOUNT_FIELDS: [Field; OWN.len() + SETTINGS.len()] = Field::joined(OWN, SETTINGS);

/// Paths that belong to the server.
const RESERVED: [&str; 5] = ["sys/", "auth/", "cubbyhole/", "identity/", "audit/"];

fn list(call: &mut Call, _: &Input) -> Result<Response> {
    let live = call.live()?;
    let table = live.mounts();
    let secrets = table.active().filter(|mount| mount.class == Class::Secret);
    let mut listed: Map = secrets.map(|mount| (mount.path.clone(), described(live, mount))).collect();
    for mount in table.disabling() {
        let mut shown = described(live, mount);
        shown["path"] = Value::from(mount.path.clone());
        shown["disabling"] = Value::Bool(true);
        shown["leases"] = Value::from(leases_left(live, mount)?);
        listed.insert(format!("{} (disabling {})", mount.path, mount.uuid), shown);
    }
    Ok(Response::data_and_top(Value::Object(listed)))
}

fn described(live: &Live, mount: &Mount) -> Value {
    settings::describe(mount, live.settings.version)
}

fn leases_left(live: &Live, mount: &Mount) -> Result<u64> {
    let counts = live.storage.reading(|snapshot| snapshot.lease_counts())?;
    Ok(counts.iter().filter(|count| count.mount == mount.hash()).map(|count| count.count).sum())
}

fn read(call: &mut Call, input: &Input) -> Result<Response> {
    if let Some(path) = tuned(input)? {
        return settings::show(call, &path);
    }
    let live = call.live()?;
    let path = settings::mount_path(&input.required("path")?)?;
    let table = live.mounts();
    // The official client looks for auth methods here, too: at auth/NAME.
    let mount = table.at(&path).ok_or_else(|| Error::bad_request(format!("No secret engine mount at {path}")))?;
    Ok(Response::data_and_top(described(live, mount)))
}

fn enable(call: &mut Call, input: &Input) -> Result<Response> {
    if let Some(path) = tuned(input)? {
        return settings::tune(call, &path, input);
    }
    let live = call.live()?;
    let path = settings::mount_path(&input.required("path")?)?;
    if let Some(reserved) = RESERVED.iter().find(|reserved| path.starts_with(**reserved)) {
        return Err(Error::bad_request(format!("cannot mount {path:?}: {reserved} belongs to the server")));
    }
    let name = input.required("type")?;
    let named = live.registry.named(&name).filter(|(engine, _)| engine.name != "cubbyhole");
    let (engine, version) = named.ok_or_else(|| no_engine(live, &name))?;
    let mut mount = Mount::new(&path, Class::Secret, engine.name, &input.text("description").unwrap_or_default())?;
    settings::refuse("plugin_version", &input.value("plugin_version").unwrap_or_default())?;
    let mut config = input.map("config").unwrap_or_default();
    // Options are taken beside `config`, and inside it, where older clients put them.
    let older = config.shift_remove("options").and_then(|options| OPTIONS.parse(&options).ok());
    mount.options = input.map("options").or_else(|| older?.as_object().cloned()).unwrap_or_default();
    if let Some(version) = version {
        mount.options.insert(VERSION.to_owned(), Value::from(version));
    }
    engine.check_options(None, &mount.options)?;
    mount.local = input.flag("local").unwrap_or_default();
    mount.seal_wrap = input.flag("seal_wrap").unwrap_or_default();
    let unknown = settings::apply(&mut mount, &config, live)?;
    live.change_mounts(
        |table| table.check_free(&live.barrier, &path),
        |tx, ()| mounts::store(tx, &live.barrier, &mount, None),
    )?;
    log::info!("enabled {name} at {path}");
    if unknown.is_empty() {
        return Ok(Response::empty());
    }
    Ok(Response::empty()
        .warn(format!("these settings in config are not known and were ignored: {}", unknown.join(", "))))
}

fn no_engine(live: &Live, kind: &str) -> Error {
    let names = live.registry.engines.iter().map(|engine| engine.name).filter(|name| *name != "cubbyhole");
    let names: Vec<&str> = names.collect();
    Error::bad_request(format!("there is no secrets engine {kind:?} to enable here; there are: {}", names.join(", ")))
}

fn disable(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let path = settings::mount_path(&input.required("path")?)?;
    if path.starts_with("auth/") {
        return Err(Error::bad_request(format!("cannot unmount {path:?}: auth methods are under sys/auth")));
    }
    if plan::is_asked_for(input) {
        return live.plan(&Selection::Mount(live.mount_at(&path)?), call.deadline);
    }
    disable_at(live, &path, &call.cause(Event::MountDisabled))?;
    Ok(Response::empty())
}

/// Takes a mount off the table; what it made is dead from then on, and ended outside in the background.
///
/// # Errors
/// `BadRequest` for a mount that belongs to the server, `Internal` for a damaged one.
pub(super) fn disable_at(live: &Live, path: &str, cause: &Cause) -> Result<()> {
    let check = |table: &Table| -> Result<Option<(Arc<Mount>, Mount)>> {
        if matches!(table.resolve(&live.barrier, path), Resolved::Damaged) {
            return Err(Error::internal(format!("the mount at {path} is damaged: it cannot be disabled as it is")));
        }
        let Some(before) = table.at(path).cloned() else { return Ok(None) };
        if before.is_builtin() {
            return Err(Error::bad_request(format!("cannot unmount {path:?}")));
        }
        let after = Mount { disabling: true, disabled_by: Some(cause.clone()), ..Mount::clone(&before) };
        Ok(Some((before, after)))
    };
    let disabled = live.change_mounts(check, |tx, mounts| match mounts {
        Some((before, after)) => mounts::store(tx, &live.barrier, after, Some(before)),
        None => Ok(()),
    })?;
    if disabled.is_some() {
        log::info!("disabled {path}; its leases are being revoked");
        live.bell.ring();
    }
    Ok(())
}

fn show(call: &mut Call, input: &Input) -> Result<Response> {
    settings::show(call, &settings::mount_path(&input.required("path")?)?)
}

fn tune(call: &mut Call, input: &Input) -> Result<Response> {
    settings::tune(call, &settings::mount_path(&input.required("path")?)?, input)
}

/// The mount that `mounts/team/aws/tune` means. [`TUNE`] takes the paths of one segment; a pattern cannot have a literal
/// after its rest.
fn tuned(input: &Input) -> Result<Option<String>> {
    let path = input.required("path")?;
    let mount = path.trim_end_matches('/').strip_suffix("/tune");
    mount.map(settings::mount_path).transpose()
}

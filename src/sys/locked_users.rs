//! `sys/locked-users`: names that too many wrong passwords were tried for.

use crate::base::{Error, Result};
use crate::core::lockout::Name;
use crate::core::{Call, Live};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::{Value, json};
use std::sync::Arc;

pub static LIST: Route<Call> = Route {
    pattern: "locked-users",
    fields: &[Field::text("mount_accessor", "Only names at the auth method with this accessor.")],
    actions: &[Action::new(Operation::Read, list, "Lists the names that are locked.")],
    exists: None,
    summary: "Lists the names that are locked.",
    help: "A name is locked for a while after too many wrong passwords: five within fifteen minutes, for fifteen minutes, unless \
           the configuration's user_lockout or the mount's user_lockout_config say otherwise. Names that nobody has are \
           locked like others.",
    flags: ORDINARY,
};

pub static UNLOCK: Route<Call> = Route {
    pattern: "locked-users/{mount_accessor}/unlock/{alias_identifier}",
    fields: &[
        Field::text("mount_accessor", "The accessor of the auth method."),
        Field::text("alias_identifier", "The name: of a user, or the role id of an AppRole.").folded(),
    ],
    actions: &[Action::new(Operation::Update, unlock, "Unlocks a name.")],
    exists: None,
    summary: "Unlocks a name.",
    help: "It can be tried again at once, with a fresh count. A name that is not locked stays as it is.",
    flags: ORDINARY,
};

fn list(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let wanted = input.text("mount_accessor").filter(|accessor| !accessor.is_empty());
    wanted.iter().try_for_each(|accessor| mount(live, accessor).map(drop))?;
    let mut locked: Vec<(String, Vec<String>)> = live.locked_names()?.into_iter().collect();
    locked.retain(|(accessor, _)| wanted.as_ref().is_none_or(|wanted| wanted == accessor));
    locked.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    let total: usize = locked.iter().map(|(_, names)| names.len()).sum();
    let accessors: Vec<Value> = locked
        .into_iter()
        .map(|(accessor, names)| {
            json!({ "mount_accessor": accessor, "counts": names.len(), "alias_identifiers": names })
        })
        .collect();
    let by_namespace =
        json!([{ "namespace_id": "root", "namespace_path": "", "counts": total, "mount_accessors": accessors }]);
    Ok(Response::json(json!({ "by_namespace": by_namespace, "total": total })))
}

fn unlock(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let mount = mount(live, &input.required("mount_accessor")?)?;
    live.unlock(&Name::at(&mount, &input.required("alias_identifier")?))?;
    Ok(Response::empty())
}

fn mount(live: &Live, accessor: &str) -> Result<Arc<crate::core::mounts::Mount>> {
    let mounts = live.mounts();
    let found = mounts.active().find(|mount| mount.accessor == accessor && mount.path.starts_with("auth/"));
    found.cloned().ok_or_else(|| Error::bad_request(format!("mount_accessor {accessor:?} is that of no auth method")))
}

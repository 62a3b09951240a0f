//! `sys/remount`: moves a mount. Its uuid stays, and its data and leases hang at that, so that they live on.

use super::settings::mount_path;
use crate::base::{Error, Result, random};
use crate::core::Call;
use crate::core::mounts::{self, Mount, Table};
use crate::logical::route::{ORDINARY, SUDO};
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use serde_json::json;
use std::sync::Arc;

pub static REMOUNT: Route<Call> = Route {
    pattern: "remount",
    fields: &[
        Field::text("from", "Where the mount is.").required(),
        Field::text("to", "Where it is to be.").required(),
    ],
    actions: &[Action::new(Operation::Update, remount, "Moves a mount to another path.")],
    exists: None,
    summary: "Moves a mount to another path.",
    help: "Done when it is answered. Leases live on: renewing and revoking finds them by the identifier that they were issued \
           with, and prefixes are those of the new path. Policies are not changed: they name paths, not mounts.",
    flags: SUDO,
};

pub static STATUS: Route<Call> = Route {
    pattern: "remount/status/{migration_id}",
    fields: &[Field::text("migration_id", "What sys/remount answered.")],
    actions: &[Action::new(Operation::Read, status, "Tells how a move went.")],
    exists: None,
    summary: "Tells how a move went.",
    help: "Moves are done when they are answered, so the status is always \"success\". Each mount remembers its last move.",
    flags: ORDINARY,
};

/// The last move, among the mount's settings: no listing shows it.
const MOVED: &str = "moved";

fn remount(call: &mut Call, input: &Input) -> Result<Response> {
    let live = call.live()?;
    let (from, to) = (mount_path(&input.required("from")?)?, mount_path(&input.required("to")?)?);
    if let Some(path) = [&from, &to].into_iter().find(|path| path.starts_with("sys/")) {
        return Err(Error::bad_request(format!("cannot remount {path:?}: it belongs to the server")));
    }
    if from.starts_with("auth/") != to.starts_with("auth/") || to == "auth/" {
        return Err(Error::bad_request(format!(
            "cannot remount {from:?} to {to:?}: auth methods are below auth/, and secrets engines are not"
        )));
    }
    let id = random::uuid();
    let check = |table: &Table| -> Result<(Arc<Mount>, Mount)> {
        let before = table.at(&from).ok_or_else(|| Error::bad_request(format!("no matching mount at {from:?}")))?;
        if before.is_builtin() {
            return Err(Error::bad_request(format!("cannot remount {from:?}")));
        }
        table.check_free(&live.barrier, &to)?;
        let mut after = Mount { path: to.clone(), ..Mount::clone(before) };
        after.extra.insert(MOVED.to_owned(), json!({ "id": id, "from": from, "to": to }));
        Ok((before.clone(), after))
    };
    live.change_mounts(check, |tx, (before, after)| mounts::store(tx, &live.barrier, after, Some(before)))?;
    log::info!("moved {from} to {to}");
    Ok(Response::data_and_top(json!({ "migration_id": id })))
}

fn status(call: &mut Call, input: &Input) -> Result<Response> {
    let id = input.required("migration_id")?;
    let mounts = call.live()?.mounts();
    let moves = mounts.active().chain(mounts.disabling()).filter_map(|mount| mount.extra.get(MOVED));
    let found = moves.into_iter().find(|moved| moved["id"] == id.as_str()).ok_or_else(|| Error::not_found(""))?;
    Ok(Response::json(json!({
        "migration_id": id,
        "migration_info": { "source_mount": found["from"], "target_mount": found["to"], "status": "success" },
    })))
}

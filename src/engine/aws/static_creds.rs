//! `static-creds/{name}`: the access key that the user of a static role has now. No lease: it is everybody's who may read it, and
//! lives until it is replaced.

use crate::base::{Error, Result};
use crate::engine::aws::static_roles::{StaticRole, record};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde_json::json;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "static-creds/{name}",
    fields: &[Field::text("name", "Name of the static role.")],
    actions: &[Action::new(Operation::Read, read, "Show the access key that the user has now.")],
    exists: None,
    summary: "The access key of a static role's user.",
    help: "Shows the access key that the user of the static role has now, and until when it lives: at `expiration`, `ttl` seconds \
        from now, it is replaced, and the old one stops working. Read again then.",
    flags: ORDINARY,
};

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    let role: StaticRole = ctx.load(&record(&name))?.ok_or_else(|| Error::not_found(""))?;
    let Some(key) = &role.key else {
        let why = if role.last_error.is_empty() { "it is being made" } else { role.last_error.as_str() };
        return Err(Error::conflict(format!("the user {} has no access key of this role yet: {why}", role.username)));
    };
    let response = Response::json(json!({
        "access_key": key.access_key,
        "secret_key": key.secret_key.expose(),
        "expiration": role.next_rotation.rfc3339(),
        "ttl": ctx.now().until(role.next_rotation).as_secs(),
        "last_vault_rotation": key.made.rfc3339(),
        "rotation_period": role.rotation_period,
    }));
    if role.last_error.is_empty() {
        return Ok(response);
    }
    Ok(response.warn(format!("the last rotation failed, it is tried again: {}", role.last_error)))
}

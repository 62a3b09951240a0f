//! `role/{role_name}/role-id`: the id by which a role is signed in.

use super::{ROLE_NAME, named};
use crate::auth::approle::stored::Role;
use crate::base::{Error, Result};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde_json::json;

pub static ROUTE: Route<Ctx> = Route {
    pattern: "role/{role_name}/role-id",
    fields: &[ROLE_NAME, Field::text("role_id", "The role's id.")],
    actions: &[
        Action::new(Operation::Read, read, "Show the role's id."),
        Action::new(Operation::Update, write, "Give the role an id of your own."),
    ],
    exists: None,
    summary: "The role's id.",
    help: "It is like a user's name: it opens nothing by itself where a secret id is needed. Ids that differ in case alone count \
           as one, for the entity behind them is one.",
    flags: ORDINARY,
};

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("role_name")?;
    let role = ctx.read(|records| Role::find(records, &name))?.ok_or_else(|| Error::not_found(""))?;
    Ok(Response::json(json!({ "role_id": role.role_id })))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("role_name")?;
    let id = input.required("role_id")?.trim().to_owned();
    ctx.write(|records| {
        let before = named(records, &name)?;
        Role { role_id: id.clone(), ..before.clone() }.save(records, &name, Some(&before))
    })?;
    Ok(Response::empty())
}

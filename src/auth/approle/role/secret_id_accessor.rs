//! `role/{role_name}/secret-id-accessor/lookup` and `…/destroy`: secret ids by their accessors, for those who do not have them.

use super::{ROLE_NAME, named};
use crate::auth::approle::stored::{Role, SecretId, hash_of_accessor};
use crate::base::{Error, Result, Timestamp};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Records, Response, Route};

const ACCESSOR: Field = Field::text("secret_id_accessor", "The accessor of a secret id of the role.");

pub static LOOKUP: Route<Ctx> = Route {
    pattern: "role/{role_name}/secret-id-accessor/lookup",
    fields: &[ROLE_NAME, ACCESSOR],
    actions: &[Action::new(Operation::Update, look_up, "Show what a secret id is good for.")],
    exists: None,
    summary: "What the secret id with this accessor is good for.",
    help: "The secret id itself is shown nowhere but in the answer that made it.",
    flags: ORDINARY,
};

pub static DESTROY: Route<Ctx> = Route {
    pattern: "role/{role_name}/secret-id-accessor/destroy",
    fields: &[ROLE_NAME, ACCESSOR],
    actions: &[
        Action::new(Operation::Update, destroy, "Destroy a secret id."),
        Action::new(Operation::Delete, destroy, "Destroy a secret id."),
    ],
    exists: None,
    summary: "Destroy the secret id with this accessor.",
    help: "Nobody signs in with it any more. Tokens that were made with it live on.",
    flags: ORDINARY,
};

fn look_up(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let (name, accessor) = asked(input)?;
    let now = ctx.now();
    let (_, _, secret) = ctx.read(|records| find(records, &name, &accessor, now))?;
    Ok(Response::json(secret.describe()))
}

fn destroy(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let (name, accessor) = asked(input)?;
    let now = ctx.now();
    ctx.write(|records| {
        let (role, hash, secret) = find(records, &name, &accessor, now)?;
        secret.delete(records, &role.uid, &hash)
    })?;
    Ok(Response::empty())
}

fn asked(input: &Input) -> Result<(String, String)> {
    Ok((input.required("role_name")?, input.required("secret_id_accessor")?))
}

fn find(
    records: &(impl Records + ?Sized),
    name: &str,
    accessor: &str,
    now: Timestamp,
) -> Result<(Role, String, SecretId)> {
    let unknown = || Error::not_found(format!("failed to find accessor entry for secret_id_accessor: {accessor:?}"));
    let role = named(records, name)?;
    let hash = hash_of_accessor(records, &role.uid, accessor)?.ok_or_else(unknown)?;
    let secret = SecretId::find(records, &role.uid, &hash, now)?.ok_or_else(unknown)?;
    Ok((role, hash, secret))
}

//! `role/{role_name}/secret-id`, `…/lookup`, `…/destroy`: secret ids are made, listed by their accessors, looked up and
//! destroyed.

use super::{ROLE_NAME, named, number};
use crate::auth::approle::stored::{LONGEST, Role, SecretId, accessors, check_subset, secret_hash};
use crate::base::{Error, Result, Secret, Timestamp, random};
use crate::logical::route::ORDINARY;
use crate::logical::token_parameters::blocks;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde_json::json;
use std::time::Duration;

pub const SECRET_ID: Field = Field::text("secret_id", "The secret id.");
pub const METADATA: Field = Field::pairs("metadata", "Notes for the tokens, as a JSON object of texts.");
pub const CIDR_LIST: Field =
    Field::list("cidr_list", "Blocks of addresses from which it can be used; inside those of the role.");
pub const TOKEN_BOUND_CIDRS: Field = Field::list(
    "token_bound_cidrs",
    "Blocks of addresses from which its tokens can be used, in place of the role's and inside them.",
);
pub const NUM_USES: Field =
    Field::integer("num_uses", "How many log-ins it is good for; not more than the role says. 0 is any number.");
pub const TTL: Field = Field::seconds("ttl", "How long it lives; not longer than the role says. 0 is without end.");

pub static ROUTE: Route<Ctx> = Route {
    pattern: "role/{role_name}/secret-id",
    fields: &[ROLE_NAME, METADATA, CIDR_LIST, TOKEN_BOUND_CIDRS, NUM_USES, TTL],
    actions: &[
        Action::new(Operation::Update, generate, "Make a secret id."),
        Action::new(Operation::List, list, "List the accessors of the role's secret ids."),
    ],
    exists: None,
    summary: "Secret ids of a role.",
    help: "The answer is the only place where a secret id can be read. Its accessor, which looks it up and destroys it, is listed \
           later. Ask with -wrap-ttl to hand it to somebody else unseen.",
    flags: ORDINARY,
};

pub static LOOKUP: Route<Ctx> = Route {
    pattern: "role/{role_name}/secret-id/lookup",
    fields: &[ROLE_NAME, SECRET_ID],
    actions: &[Action::new(Operation::Update, look_up, "Show what a secret id is good for.")],
    exists: None,
    summary: "What a secret id is good for.",
    help: "Whoever has the secret id can see what it is bound to, and how many uses are left.",
    flags: ORDINARY,
};

pub static DESTROY: Route<Ctx> = Route {
    pattern: "role/{role_name}/secret-id/destroy",
    fields: &[ROLE_NAME, SECRET_ID],
    actions: &[
        Action::new(Operation::Update, destroy, "Destroy a secret id."),
        Action::new(Operation::Delete, destroy, "Destroy a secret id."),
    ],
    exists: None,
    summary: "Destroy a secret id.",
    help: "Nobody signs in with it any more. Tokens that were made with it live on.",
    flags: ORDINARY,
};

fn generate(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    register(ctx, input, &random::uuid().into())
}

/// Stores a secret id for a role, as the request and the role say.
///
/// # Errors
/// `NotFound` where there is no such role; `BadRequest` for what the role does not allow.
pub fn register(ctx: &mut Ctx, input: &Input, secret_id: &Secret<String>) -> Result<Response> {
    if secret_id.expose().len() > LONGEST {
        return Err(Error::bad_request(format!("secret_id is longer than maximum of {LONGEST} bytes")));
    }
    let name = input.required("role_name")?;
    let (now, longest) = (ctx.now(), ctx.mount.max_lease_ttl.as_secs());
    let role = ctx.read(|records| named(records, &name))?;
    let secret = wanted(&role, input, now, longest)?;
    let hash = secret_hash(ctx, &role.uid, secret_id.expose());
    ctx.write(|records| {
        // It may have been deleted or made anew meanwhile.
        let is_same = named(records, &name)?.uid == role.uid;
        if !is_same {
            return Err(Error::conflict(format!("role {name:?} was made anew meanwhile: try again")));
        }
        secret.insert(records, &role.uid, &hash)
    })?;
    Ok(Response::json(json!({
        "secret_id": secret_id.expose(),
        "secret_id_accessor": secret.accessor,
        "secret_id_num_uses": secret.num_uses,
        "secret_id_ttl": secret.ttl,
    })))
}

fn wanted(role: &Role, input: &Input, now: Timestamp, longest: u64) -> Result<SecretId> {
    if !role.bind_secret_id {
        return Err(Error::bad_request("bind_secret_id is not set on the role"));
    }
    let given = |name| blocks(&input.list(name).unwrap_or_default());
    let (cidr_list, token_bound_cidrs) = (given("cidr_list")?, given("token_bound_cidrs")?);
    check_subset(&cidr_list, &role.secret_id_bound_cidrs)?;
    check_subset(&token_bound_cidrs, &role.token.bound_cidrs)?;
    let num_uses = match input.integer("num_uses") {
        Some(uses) => number(uses, "num_uses cannot be negative")?,
        None => role.secret_id_num_uses,
    };
    if role.secret_id_num_uses > 0 && (num_uses == 0 || num_uses > role.secret_id_num_uses) {
        return Err(Error::bad_request("num_uses cannot be higher than the role's secret_id_num_uses"));
    }
    let ttl = input.duration("ttl").map_or(role.secret_id_ttl, |ttl| ttl.as_secs());
    if role.secret_id_ttl > 0 && (ttl == 0 || ttl > role.secret_id_ttl) {
        return Err(Error::bad_request("ttl cannot be longer than the role's secret_id_ttl"));
    }
    let ttl = ttl.min(longest);
    Ok(SecretId {
        accessor: random::uuid(),
        num_uses,
        ttl,
        created: now,
        updated: now,
        expires: (ttl > 0).then(|| now.plus(Duration::from_secs(ttl))),
        metadata: input.map("metadata").unwrap_or_default(),
        cidr_list,
        token_bound_cidrs,
    })
}

fn list(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("role_name")?;
    let accessors = ctx.read(|records| {
        let role = Role::find(records, &name)?;
        let role = role.ok_or_else(|| Error::bad_request(format!("role {name:?} does not exist")))?;
        records.list(&accessors(&role.uid))
    })?;
    if accessors.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(accessors)) }
}

fn look_up(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let (role, hash) = presented(ctx, input)?;
    let now = ctx.now();
    let secret = ctx.read(|records| SecretId::find(records, &role.uid, &hash, now))?;
    Ok(secret.map_or_else(Response::empty, |secret| Response::json(secret.describe())))
}

fn destroy(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let (role, hash) = presented(ctx, input)?;
    let now = ctx.now();
    ctx.write(|records| match SecretId::find(records, &role.uid, &hash, now)? {
        Some(secret) => secret.delete(records, &role.uid, &hash),
        None => Ok(()),
    })?;
    Ok(Response::empty())
}

/// The role that a request is about, and the hash of the secret id that it shows.
fn presented(ctx: &Ctx, input: &Input) -> Result<(Role, String)> {
    let name = input.required("role_name")?;
    let secret_id: Secret<String> = input.required("secret_id")?.trim().into();
    let role = ctx.read(|records| named(records, &name))?;
    let hash = secret_hash(ctx, &role.uid, secret_id.expose());
    Ok((role, hash))
}
